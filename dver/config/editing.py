"""Edits one setting in one file and keeps the rest of the file."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, MutableMapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from dver.config.reading import ConfigPaths
from dver.config.schema import USER_KEYS, Scope, Value, check_remote_name, parse_value, spec_of
from dver.config.toml_files import parse_toml, read_file
from dver.core.errors import RepositoryError, UsageError
from dver.core.files import clear_leftovers, read_regular, write_atomic
from dver.core.remote_schema import SettingSpec

if TYPE_CHECKING:
    from tomlkit import TOMLDocument

_REPOSITORY_SCOPES: Final[tuple[Scope, ...]] = ("project", "local")
_PASSWORD_IN_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/@]*:[^/@]*@")


def edit(paths: ConfigPaths, scope: Scope, key: str, value: str | None) -> None:
    """Set `key` to `value` as typed, or remove it (None), in the file of `scope`.

    Keeps everything else in the file, including comments. Raises UsageError for an unknown key, an invalid value, a
    missing key to remove, and a secret outside the local config.
    """
    path = paths.file(scope)
    if scope == "project":
        _refuse_detour(paths)
    if value is None:
        _change(path, lambda document: _take_out(document, key, path))
        return
    spec = spec_of(key)
    parsed = parse_value(key, spec, value)
    _refuse_secret(spec, scope, key, value)
    if key in USER_KEYS and scope != "global":
        raise UsageError(
            f"{key} is a setting of each user",
            why="it holds for all projects, so a project cannot change it",
            fix=f"dver config set --global {key} {value}",
        )
    if scope == "local":
        _make_private(path, secret=spec.secret)
    _change(path, lambda document: _put_in(document, key.split("."), parsed))


def remove_remote(paths: ConfigPaths, name: str) -> list[Scope]:
    """Remove the remote `name` from the repository's files, also as default remote. Returns the scopes that had it."""
    check_remote_name(name)
    changed: list[Scope] = []
    for scope in _REPOSITORY_SCOPES:
        table = read_file(paths.file(scope))
        present = [f"remote.{name}"] if name in _table(table, "remote") else []
        present += ["core.remote"] if _table(table, "core").get("remote") == name else []
        for key in present:
            edit(paths, scope, key, None)
        changed += [scope] if present else []
    return changed


def rename_remote(paths: ConfigPaths, old: str, new: str) -> None:
    """Rename the remote `old` to `new` in the repository's files, also as default remote."""
    check_remote_name(new)
    for scope in _REPOSITORY_SCOPES:
        path = paths.file(scope)
        table = read_file(path)
        if scope == "project" and table:
            _refuse_detour(paths)
        if old in _table(table, "remote"):
            _change(path, lambda document: _move(document, old, new))
        if _table(table, "core").get("remote") == old:
            edit(paths, scope, "core.remote", new)


def _move(document: TOMLDocument, old: str, new: str) -> None:
    remotes: Any = document["remote"]
    remotes[new] = remotes.pop(old)


def _table(table: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = table.get(key)
    return value if isinstance(value, Mapping) else {}


def _refuse_secret(spec: SettingSpec, scope: Scope, key: str, value: str) -> None:
    if spec.secret and scope != "local":
        raise UsageError(
            f"{key} is a secret", why="Git shares every config except this clone's own", fix="set it with --local"
        )
    if spec.name == "url" and _PASSWORD_IN_URL.match(value):
        raise UsageError(
            f"{key} contains a password",
            why="Git shares URLs, and messages show them",
            fix="remove it; docs/remotes.md says where to put credentials",
        )


def _make_private(path: Path, *, secret: bool) -> None:
    """Create the file `path` readable by its owner only. Restrict an existing file if it gets a secret."""
    path.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
    if secret and path.stat().st_mode & 0o077:
        path.chmod(0o600)


def _change(path: Path, change: Callable[[TOMLDocument], None]) -> None:
    import tomlkit  # slow to import; keeps comments

    content = read_regular(path) if path.exists() else b""
    before = parse_toml(path, content)
    document = tomlkit.parse(content)
    expected = tomlkit.parse(tomlkit.dumps(before))
    try:
        change(document)
        change(expected)
        text = tomlkit.dumps(document).encode()
    except (ValueError, tomlkit.exceptions.TOMLKitError) as error:
        raise _unsafe(path) from error
    # tomlkit may lose tables of an unusual layout, so compare with the same edit of a plain document.
    if parse_toml(path, text) != expected.unwrap():
        raise _unsafe(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    clear_leftovers(path.parent)
    write_atomic(path, text)


def _unsafe(path: Path) -> RepositoryError:
    return RepositoryError(f"cannot edit {path} safely", why="its layout is unusual", fix="edit the file")


def _refuse_detour(paths: ConfigPaths) -> None:
    """Refuse to write through a symbolic link: a clone may contain links that lead out of the project."""
    directory = paths.project_file.parent
    if directory.is_symlink():
        raise RepositoryError(
            f"{directory} is a symbolic link", why="it leads out of the project", fix="make it a directory"
        )


def _put_in(document: TOMLDocument, parts: list[str], value: Value) -> None:
    import tomlkit

    table: MutableMapping[str, Any] = document
    for depth, part in enumerate(parts[:-1]):
        if part not in table:
            inline = isinstance(table, tomlkit.items.InlineTable)
            table[part] = tomlkit.inline_table() if inline else tomlkit.table(is_super_table=depth < len(parts) - 2)
        table = table[part]
        if not isinstance(table, MutableMapping):
            raise UsageError(f"cannot set {'.'.join(parts)}", why=f"{part!r} is not a section", fix="edit the file")
    table[parts[-1]] = value


def _take_out(document: TOMLDocument, key: str, path: Path) -> None:
    parts = key.split(".")
    tables: list[MutableMapping[str, Any]] = [document]
    for part in parts[:-1]:
        below = tables[-1].get(part)
        tables.append(below if isinstance(below, MutableMapping) else {})
    if parts[-1] not in tables[-1]:
        raise UsageError(f"{key} is not set in {path}", fix="`dver config list` shows where it is set")
    for table, part in zip(reversed(tables), reversed(parts), strict=True):
        del table[part]
        if table:
            break

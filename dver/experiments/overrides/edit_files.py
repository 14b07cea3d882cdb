"""Applies overrides to files of parameters. Every result is read again: exactly the requested keys have changed."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from dver.core.errors import PipelineError, UsageError
from dver.core.files import read_regular, write_all_atomic
from dver.core.phrasing import quoted
from dver.experiments.overrides.changes import ParamChange, changed_values, missing_key, plan_change, same_values
from dver.experiments.overrides.json_params import edit_json
from dver.experiments.overrides.override import Override, OverrideAction
from dver.experiments.overrides.python_params import edit_python
from dver.experiments.overrides.toml_params import edit_toml
from dver.experiments.overrides.yaml_params import edit_yaml
from dver.pipelines.definition.param_files import flatten, parse_values
from dver.pipelines.definition.yaml_edits import by_hand

_Editor = Callable[[bytes, str, ParamChange, Any], bytes]
_EDITORS: Final[Mapping[str, _Editor]] = {".json": edit_json, ".toml": edit_toml, ".py": edit_python}
_SHOWN: Final = 3


def write_overrides(root: Path, overrides: Iterable[Override]) -> tuple[Path, ...]:
    """Apply overrides to the files of the project directory `root`, all or none. Returns the changed files.

    Raises UsageError for a key that does not exist, or exists already, and PipelineError for a file that cannot be
    read or edited.
    """
    changed = edited_contents(lambda file: _read(root, file), overrides)
    files = {_inside(root, file): content for file, content in changed.items()}
    write_all_atomic(files)
    return tuple(files)


def edited_contents(read: Callable[[str], bytes | None], overrides: Iterable[Override]) -> dict[str, bytes]:
    """The new content of each file that overrides change. `read` returns the content of a file, or None if it does not
    exist; keys can be added to such a file. Raises as `write_overrides`."""
    by_file: dict[str, list[Override]] = {}
    for one in overrides:
        by_file.setdefault(one.file, []).append(one)
    found: dict[str, bytes] = {}
    for file, several in by_file.items():
        before = read(file)
        after = apply_overrides(_empty(file, several) if before is None else before, file, several)
        if after != before:
            found[file] = after
    return found


def apply_overrides(content: bytes, name: str, overrides: Sequence[Override]) -> bytes:
    """The file `name` with this `content` after `overrides`, all for this file. Raises as `write_overrides`."""
    editor = _EDITORS.get(posixpath.splitext(name)[1], edit_yaml)
    expected = parse_values(content, name)
    for one in overrides:
        change = plan_change(expected, one)
        if change is not None:
            expected = changed_values(expected, change)
            try:
                content = editor(content, name, change, expected)
            except UnicodeEncodeError:
                raise by_hand(name, "it contains half of a surrogate pair") from None
    _verify(content, name, expected)
    return content


def _verify(content: bytes, name: str, expected: Mapping[str, Any]) -> None:
    """Raise PipelineError unless the file has the values `expected`."""
    try:
        found = parse_values(content, name)
    except PipelineError as error:
        why = f"the result could not be read: {error}"
        if "undefined alias" in str(error):
            why = "other values of the file refer to this one by an alias"
        raise by_hand(name, why) from None
    if same_values(found, expected):
        return
    now, then = flatten(found), flatten(expected)
    others = [key for key in now if not same_values(now.get(key), then.get(key))]
    if now.keys() != then.keys() or not others:
        raise by_hand(name, "the edit would change other parts of the file")
    also = [Override(name, key, now[key]).short_text for key in others[:_SHOWN]]
    raise PipelineError(
        f"{name} cannot be changed safely",
        why=f"other values share this one by an alias, a merge key or an assignment: {', '.join(others[:_SHOWN])}",
        fix="set them, too: " + " ".join(f"-S {quoted(one)}" for one in also),
    )


def _empty(file: str, overrides: Sequence[Override]) -> bytes:
    """The content of a file that does not exist yet. Raises UsageError for overrides of keys that must exist."""
    for one in overrides:
        if one.action in (OverrideAction.SET, OverrideAction.DELETE):
            missing = missing_key({}, one)
            raise UsageError(f"{file} does not exist, so it has no key {one.key!r}", fix=missing.fix)
    return b"{}\n" if file.endswith(".json") else b""


def _read(root: Path, file: str) -> bytes | None:
    try:
        return read_regular(_inside(root, file))
    except FileNotFoundError:
        return None
    except (IsADirectoryError, NotADirectoryError):
        raise UsageError(f"{file!r} is not a file of parameters", why="it is a directory, or below a file") from None


def _inside(root: Path, file: str) -> Path:
    """The path of a file, with links resolved. Raises UsageError if it is outside of `root`."""
    top = os.path.realpath(root)
    path = os.path.realpath(os.path.join(top, file))
    if os.path.commonpath((top, path)) != top:
        raise UsageError(f"{file!r} leads out of the project by a link", fix="name the file itself")
    return Path(path)

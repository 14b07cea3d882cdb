"""The outputs that `.dvc` files and `dvc.lock` name, and the listings of directories: DVC's formats, without I/O."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from dver.core.errors import CorruptError, PipelineError
from dver.formats.tree import forbidden_name
from dver.pipelines.definition.yaml_tree import parse_yaml

_MD5: Final = re.compile(r"([0-9a-f]{32})(\.dir)?")
_VARIABLE: Final = "${"


@dataclass(frozen=True, slots=True)
class DvcHash:
    """The MD5 hash of a file or of a directory's listing."""

    md5: str
    is_directory: bool = False
    is_legacy: bool = False
    """Of a DVC before 3.0: another place on the remote, and text files were hashed with the line ends of Unix."""

    @property
    def key(self) -> str:
        """The key on the remote."""
        name = f"{self.md5[:2]}/{self.md5[2:]}" + (".dir" if self.is_directory else "")
        return name if self.is_legacy else f"files/md5/{name}"


@dataclass(frozen=True, slots=True)
class DvcOutput:
    """A file or directory that DVC tracks. `path` is relative to the top of the repository."""

    path: str
    hash: DvcHash
    size: int | None = None
    executable: bool = False
    remote: str | None = None
    """The remote that it is pushed to, if not the default one."""
    source: str | None = None
    """The repository it is imported from. Its content is there, and not on the remote."""


@dataclass(frozen=True, slots=True)
class DvcListing:
    """The files of a directory by path relative to it; True for an executable one."""

    files: Mapping[str, tuple[DvcHash, bool]] = field(default_factory=dict)


def outputs_of(files: Mapping[str, bytes]) -> dict[str, DvcOutput]:
    """The outputs that `.dvc`, `dvc.lock` and `dvc.yaml` files name, by path. Raises CorruptError that names a file."""
    found: dict[str, DvcOutput] = {}
    for path, content in sorted(files.items()):
        name = posixpath.basename(path)
        if name == "dvc.lock":
            definition = files.get(posixpath.join(posixpath.dirname(path), "dvc.yaml"), b"")
            found.update((one.path, one) for one in _of_lock(path, content, _directories(path, definition)))
        elif name.endswith(".dvc") and name != ".dvc":
            found.update((one.path, one) for one in _of_dvc_file(path, content))
    return found


def parse_listing(content: bytes, *, is_legacy: bool) -> DvcListing:
    """The listing of a directory. Raises CorruptError for what no DVC writes."""
    try:
        entries = [(one["relpath"], one["md5"], bool(one.get("isexec"))) for one in json.loads(content)]
        files = {str(path): (_parse_hash(md5, is_legacy=is_legacy), mode) for path, md5, mode in entries}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CorruptError("a listing of DVC that is not readable", why=str(error)) from None
    for path in files:
        _check(path)
    return DvcListing(files)


def _of_dvc_file(path: str, content: bytes) -> Iterator[DvcOutput]:
    document = _mapping(path, content)
    base = posixpath.join(posixpath.dirname(path), str(document.get("wdir", ".")))
    repos = [one["repo"].get("url") for one in _items(document.get("deps")) if isinstance(one.get("repo"), dict)]
    yield from _outputs(path, base, _items(document.get("outs")), next(map(str, repos), None))


def _of_lock(path: str, content: bytes, directories: Mapping[str, str]) -> Iterator[DvcOutput]:
    document = _mapping(path, content)
    # The first version of the format has the stages at the top.
    stages = document.get("stages", {} if "schema" in document else document)
    for name, stage in (stages if isinstance(stages, dict) else {}).items():
        if isinstance(stage, dict):
            directory = directories.get(str(name).partition("@")[0], ".")
            yield from _outputs(
                path, posixpath.join(posixpath.dirname(path), directory), _items(stage.get("outs")), None
            )


def _directories(path: str, definition: bytes) -> dict[str, str]:
    """The working directories of the stages in the `dvc.yaml` beside the lock file `path`."""
    stages = _mapping(path, definition).get("stages")
    found: dict[str, str] = {}
    for name, stage in (stages if isinstance(stages, dict) else {}).items():
        inner = stage.get("do", stage) if isinstance(stage, dict) else {}
        directory = inner.get("wdir", ".") if isinstance(inner, dict) else "."
        found[str(name)] = "." if _VARIABLE in str(directory) else str(directory)
    return found


def _outputs(file: str, base: str, outs: Iterable[Mapping[str, Any]], source: str | None) -> Iterator[DvcOutput]:
    for out in outs:
        path = posixpath.normpath(posixpath.join(base, str(out.get("path", ""))))
        md5 = out.get("md5")
        if md5 is None or out.get("cache") is False or posixpath.isabs(path) or "://" in str(out.get("path")):
            continue  # in Git, on another storage, or not made yet
        try:
            _check(path)
            found = _parse_hash(md5, is_legacy="hash" not in out)
        except CorruptError as error:
            raise CorruptError(f"cannot read {file!r}", why=f"{error.what}: {error.why}") from None
        size, remote = out.get("size"), out.get("remote")
        yield DvcOutput(
            path,
            found,
            size if isinstance(size, int) else None,
            bool(out.get("isexec")),
            None if remote is None else str(remote),
            source,
        )


def _parse_hash(md5: object, *, is_legacy: bool) -> DvcHash:
    match = _MD5.fullmatch(str(md5))
    if match is None:
        raise CorruptError("not an MD5 hash", why=f"{str(md5)[:80]!r}")
    return DvcHash(match[1], is_directory=match[2] is not None, is_legacy=is_legacy)


def _check(path: str) -> None:
    for name in path.split("/"):
        if reason := forbidden_name(name.encode(errors="surrogateescape")):
            raise CorruptError(f"the path {path!r}", why=reason)


def _mapping(path: str, content: bytes) -> Mapping[str, Any]:
    try:
        document = parse_yaml(content, path).plain()
    except PipelineError as error:
        raise CorruptError(f"cannot read {path!r}", why=error.what, fix="correct it in that repository") from error
    return document if isinstance(document, dict) else {}


def _items(value: object) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []

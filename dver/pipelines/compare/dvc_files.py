"""DVC's lock files of a commit and DVC's local cache, read only."""

from __future__ import annotations

import configparser
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from dver.core.errors import CorruptError, DverError, MissingObjectError, UsageError
from dver.core.files import read_regular
from dver.formats.pack import IN_MEMORY_MAX
from dver.pipelines.definition.stage import PipelineFile
from dver.pipelines.definition.yaml_tree import parse_yaml

FILE_NAME: Final = b"dvc.yaml"
LOCK_NAME: Final = b"dvc.lock"
_FOLDER: Final = ".dvc"
_DIRECTORY: Final = ".dir"
"""The suffix of the hash of a directory."""


@dataclass(frozen=True)
class DvcFiles:
    """The outputs of a commit in its `dvc.lock` files, and their content in DVC's cache.

    Paths are relative to `top`.
    """

    top: str
    """The top of the Git worktree."""
    locks: Sequence[bytes]
    pipelines: Mapping[str, PipelineFile | DverError]
    content: Callable[[bytes], bytes | None]
    """Returns the content of a file of the commit."""

    def read(self, path: str) -> bytes | None:
        """The content of a file; None if no lock file records it. Raises MissingObjectError, CorruptError."""
        found = self._hash(path)
        return None if found is None or found.endswith(_DIRECTORY) else self._cached(path, found)

    def below(self, path: str) -> list[str] | None:
        """The paths of all files in a directory; None if it does not exist. Raises as `read`."""
        found = self._hash(path)
        return None if found is None or not found.endswith(_DIRECTORY) else [*self._members(path, found)]

    def _hash(self, path: str) -> str | None:
        outs = self._outs
        if path in outs:
            return outs[path]
        above = os.path.dirname(path)
        while above:
            if outs.get(above, "").endswith(_DIRECTORY):
                return self._members(above, outs[above]).get(path)
            above = os.path.dirname(above)
        return None

    @cached_property
    def _outs(self) -> dict[str, str]:
        """Hashes by path."""
        found: dict[str, str] = {}
        for path in self.locks:
            folder = os.fsdecode(os.path.dirname(path))
            file = self.pipelines.get(folder)
            with suppress(DverError):
                stages = _stages(parse_yaml(self.content(path) or b"", os.fsdecode(path)).plain())
                for name, stage in stages.items():
                    known = file.stages.get(name) if isinstance(file, PipelineFile) else None
                    base = os.path.join(folder, known.wdir if known is not None else ".")
                    found.update((os.path.normpath(os.path.join(base, out)), one) for out, one in _hashes(stage))
        return found

    def _members(self, path: str, found: str) -> dict[str, str]:
        """The hashes of the files in a directory, by path."""
        content = self._cached(path, found)
        try:
            listed = [(str(one["relpath"]), str(one["md5"])) for one in json.loads(content)]
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise CorruptError(f"the DVC directory listing of {path!r} cannot be read", why=str(error)) from None
        return {os.path.join(path, name): digest for name, digest in listed if _is_hash(digest)}

    def _cached(self, path: str, found: str) -> bytes:
        digest = found.removesuffix(_DIRECTORY)
        name = os.path.join(found[:2], found[2:])
        for folder in self._caches():
            for layout in ("files/md5", ""):
                with suppress(OSError):
                    content = read_regular(os.path.join(folder, layout, name), IN_MEMORY_MAX + 1)
                    if len(content) > IN_MEMORY_MAX:
                        raise UsageError(f"{path!r} is too large", why=f"at most {IN_MEMORY_MAX:,} bytes")
                    if digest not in _digests(content):
                        raise CorruptError(
                            f"the DVC cache has a corrupt copy of {path!r}", why=f"its MD5 is not {digest}"
                        )
                    return content
        raise MissingObjectError(
            f"the content of {path!r} is not in the DVC cache",
            why="a dvc.lock of that commit records it, and dver reads only local DVC caches",
            fix="dvc fetch --all-commits",
        )

    def _caches(self) -> Iterator[str]:
        """The local DVC caches: the configured one and the default."""
        for above in dict.fromkeys((*(os.fsdecode(os.path.dirname(path)) for path in self.locks), "")):
            while True:
                folder = os.path.join(self.top, above, _FOLDER)
                if os.path.isdir(folder):
                    yield from _cache_folders(folder)
                if not above:
                    break
                above = os.path.dirname(above)


def _cache_folders(folder: str) -> Iterator[str]:
    for name in ("config.local", "config"):
        settings = configparser.ConfigParser(interpolation=None)
        with suppress(OSError, DverError, ValueError, configparser.Error):
            settings.read_string(read_regular(os.path.join(folder, name), 1 << 20).decode())
            if directory := settings.get("cache", "dir", fallback=""):
                yield os.path.normpath(os.path.join(folder, directory))
    yield os.path.join(folder, "cache")


def _stages(lock: Any) -> dict[str, Any]:
    """The stages of a `dvc.lock`. Before `schema: '2.0'`, they were the whole file."""
    found = lock.get("stages") if isinstance(lock, dict) and "schema" in lock else lock
    return found if isinstance(found, dict) else {}


def _hashes(stage: Any) -> Iterator[tuple[str, str]]:
    listed = stage.get("outs") if isinstance(stage, dict) else None
    for out in listed if isinstance(listed, list) else ():
        path, found = (out.get("path"), out.get("md5")) if isinstance(out, dict) else (None, None)
        if isinstance(path, str) and isinstance(found, str) and _is_hash(found):
            yield path, found


def _is_hash(text: str) -> bool:
    digits = text.removesuffix(_DIRECTORY)
    return len(digits) == 32 and all(one in "0123456789abcdef" for one in digits)


def _digests(content: bytes) -> set[str]:
    """The MD5 of DVC 3, and that of DVC 2, which converts line endings to Unix."""
    lines = content.replace(b"\r\n", b"\n")
    return {hashlib.md5(one, usedforsecurity=False).hexdigest() for one in (content, lines)}

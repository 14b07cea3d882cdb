"""`.dverignore` and DVC's `.dvcignore`: files that scans skip, in the syntax of gitignore."""

from __future__ import annotations

import os
import re
import stat
import warnings
from typing import TYPE_CHECKING, Final, Protocol

from dver.core.errors import UsageError

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

FILE_NAMES: Final = (b".dvcignore", b".dverignore")
"""In one directory, the later file overrides the earlier."""


class IgnoreRules(Protocol):
    """Files that a scan skips. Paths are absolute."""

    def applies_in(self, folder: bytes) -> bool:
        """Whether any rule applies to files in `folder`."""

    def ignores(self, path: bytes, *, is_directory: bool) -> bool:
        """Whether `path` is skipped."""

    def ignores_empty(self, folder: bytes) -> bool:
        """Whether `folder` is skipped if all files in it are."""


class Ignore:
    """The rules of all `.dverignore` and `.dvcignore` files from the directory `root` down. The deepest file wins."""

    def __init__(self, root: bytes) -> None:
        self._root = root
        self._specs: dict[bytes, GitIgnoreSpec | None] = {}

    def applies_in(self, folder: bytes) -> bool:
        """See `IgnoreRules`."""
        return any(self._spec(parent) for parent in self._chain(folder))

    def ignores(self, path: bytes, *, is_directory: bool) -> bool:
        """See `IgnoreRules`."""
        for folder in reversed(self._chain(os.path.dirname(path))):
            spec = self._spec(folder)
            if spec is not None:
                relative = os.fsdecode(os.path.relpath(path, folder)) + ("/" if is_directory else "")
                verdict = spec.check_file(relative).include
                if verdict is not None:
                    return verdict
        return False

    def ignores_empty(self, folder: bytes) -> bool:
        """See `IgnoreRules`."""
        return False

    def _chain(self, folder: bytes) -> list[bytes]:
        if folder != self._root and not folder.startswith(self._root + b"/"):
            return []
        parts = folder[len(self._root) :].split(b"/")[1:]
        return [self._root, *(b"/".join((self._root, *parts[: depth + 1])) for depth in range(len(parts)))]

    def _spec(self, folder: bytes) -> GitIgnoreSpec | None:
        if folder not in self._specs:
            self._specs[folder] = _read(folder)
        return self._specs[folder]


def _read(folder: bytes) -> GitIgnoreSpec | None:
    found = {path: lines for path in (os.path.join(folder, name) for name in FILE_NAMES) if (lines := _lines(path))}
    for path, lines in found.items():
        _parse(path, lines)  # a mistake is reported with the name of its file
    return _parse(folder, [line for lines in found.values() for line in lines]) if found else None


def _lines(path: bytes) -> list[str]:
    try:
        # O_NONBLOCK: were it a FIFO, opening it would wait for ever.
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except (FileNotFoundError, NotADirectoryError):
        return []
    with open(fd, "rb") as file:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            return []
        # Not `splitlines`, which also breaks lines at characters that names may have.
        return [os.fsdecode(line.removesuffix(b"\r")) for line in file.read().split(b"\n")]


def _parse(path: bytes, lines: list[str]) -> GitIgnoreSpec:
    from pathspec import GitIgnoreSpec

    try:
        with warnings.catch_warnings(action="ignore"):  # about brackets that regular expressions may read otherwise
            return GitIgnoreSpec.from_lines(lines)
    except (ValueError, re.error) as error:
        raise UsageError(
            f"cannot use {os.fsdecode(path)!r}",
            why=str(error).partition("\n")[0],
            fix="write it in the syntax of .gitignore",
        ) from error

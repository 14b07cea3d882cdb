"""`.dverignore`: files in tracked directories that dver leaves alone, in the syntax of gitignore."""

from __future__ import annotations

import os
import re
import stat
import warnings
from typing import TYPE_CHECKING, Final

from dver.core.errors import UsageError

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

FILE_NAME: Final = b".dverignore"


class Ignore:
    """The rules of all `.dverignore` files from the folder `root` down. The deepest file has the last word."""

    def __init__(self, root: bytes) -> None:
        self._root = root
        self._specs: dict[bytes, GitIgnoreSpec | None] = {}

    def applies_in(self, folder: bytes) -> bool:
        """Is there any rule for what lies in `folder` (absolute, below the root)?"""
        return any(self._spec(parent) for parent in self._chain(folder))

    def ignores(self, path: bytes, *, is_directory: bool) -> bool:
        """Does a rule say to leave `path` (absolute, below the root) alone?"""
        for folder in reversed(self._chain(os.path.dirname(path))):
            spec = self._spec(folder)
            if spec is not None:
                relative = os.fsdecode(os.path.relpath(path, folder)) + ("/" if is_directory else "")
                verdict = spec.check_file(relative).include
                if verdict is not None:
                    return verdict
        return False

    def _chain(self, folder: bytes) -> list[bytes]:
        if folder != self._root and not folder.startswith(self._root + b"/"):
            return []
        parts = folder[len(self._root) :].split(b"/")[1:]
        return [self._root, *(b"/".join((self._root, *parts[: depth + 1])) for depth in range(len(parts)))]

    def _spec(self, folder: bytes) -> GitIgnoreSpec | None:
        if folder not in self._specs:
            self._specs[folder] = _read(os.path.join(folder, FILE_NAME))
        return self._specs[folder]


def _read(path: bytes) -> GitIgnoreSpec | None:
    try:
        # O_NONBLOCK: were it a FIFO, opening it would wait for ever.
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except (FileNotFoundError, NotADirectoryError):
        return None
    with open(fd, "rb") as file:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            return None
        # Not `splitlines`, which also breaks lines at characters that names may have.
        lines = [line.removesuffix(b"\r") for line in file.read().split(b"\n")]
    return _parse(path, [os.fsdecode(line) for line in lines])


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

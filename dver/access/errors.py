"""Errors of paths that cannot be read. Each is also the `OSError` that Python code expects."""

from __future__ import annotations

from dver.core.errors import CorruptError, UsageError


class PathNotFound(UsageError, FileNotFoundError):
    """A path that does not exist at the revision."""

    __str__ = Exception.__str__


class NotAFile(UsageError, IsADirectoryError):
    """A directory where a file is needed."""

    __str__ = Exception.__str__


class NotADirectory(UsageError, NotADirectoryError):
    """A file where a directory is needed."""

    __str__ = Exception.__str__


class UnprovedRange(CorruptError):
    """A part of a file that was never read as a whole, where `verify` is full. Nothing is known to be corrupt."""

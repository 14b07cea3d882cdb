"""The size of files to read, known before any is read."""

from __future__ import annotations

import os
import stat

from dver.workspace.scan.ignore import IgnoreRules


def size_on_disk(path: bytes, ignore: IgnoreRules) -> int:
    """The bytes of the file at `path`, or of all files below it that `ignore` does not skip.

    Unreadable directories count as empty: the scan reports them.
    """
    try:
        status = os.lstat(path)
        if stat.S_ISDIR(status.st_mode):
            return _size_below(path, ignore)
    except OSError:
        return 0
    return status.st_size if stat.S_ISREG(status.st_mode) else 0


def _size_below(path: bytes, ignore: IgnoreRules) -> int:
    applies = ignore.applies_in(path)
    size = 0
    directories = []
    with os.scandir(path) as listing:
        for entry in listing:
            is_directory = entry.is_dir(follow_symlinks=False)
            if applies and ignore.ignores(entry.path, is_directory=is_directory):
                continue
            if is_directory:
                directories.append(entry.path)
            elif entry.is_file(follow_symlinks=False):
                size += entry.stat(follow_symlinks=False).st_size
    return size + sum(size_on_disk(directory, ignore) for directory in directories)

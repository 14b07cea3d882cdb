"""Versions of models as files in the user's cache, for libraries that read files only.

`models/KEY/` has `record.json` and the file or directory below `content/`. The key stands for the content and its name,
so versions with the same content share a copy. A copy appears by a rename when it is complete and verified. Its files
are read-only; a copy that was changed all the same is made again.
"""

from __future__ import annotations

import json
import os
import stat
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dver.access.download_target import DownloadTarget
from dver.access.export import export
from dver.access.files import Files
from dver.core.display import Displayed
from dver.core.files import delete_any
from dver.core.oid import Oid
from dver.core.progress import SILENT, Progress
from dver.core.worktree_lock import locked
from dver.models.located import LocatedVersion

_DIRECTORY: Final = "models"
_CONTENT: Final = "content"
_RECORD: Final = "record.json"
_WRITE_BITS: Final = 0o222


@dataclass(frozen=True, slots=True, repr=False)
class CachedCopy(Displayed):
    """A version of a model that is on this machine as files, their bytes, and the time of the last use."""

    reference: str
    """Such as `churn@v1.2.0`."""
    directory: Path
    size: int
    last_used: float


def cached_copy(found: LocatedVersion, cache_dir: Path, *, progress: Progress = SILENT) -> Path:
    """The file or directory of a version in the cache, made if it is missing or was changed.

    Raises what reading the files of the version raises.
    """
    with closing(found.files()) as files:
        directory = cache_dir / _DIRECTORY / _key(found, files)
        directory.parent.mkdir(parents=True, exist_ok=True)
        with suppress(OSError):
            directory.parent.chmod(0o700)  # it may have data of private repositories
        with locked(directory.with_suffix(".lock")):
            if not _is_unchanged(directory):
                _make(directory, found, files, progress)
        with suppress(OSError):
            os.utime(directory / _RECORD)
        return directory / _CONTENT / found.file_name


def cached_copies(cache_dir: Path) -> list[CachedCopy]:
    """The copies below the user's cache directory, sorted by reference."""
    return sorted(_found(cache_dir / _DIRECTORY), key=lambda one: one.reference)


def remove_copy(copy: CachedCopy) -> None:
    """Delete a copy. Waits for a process that makes it."""
    with locked(copy.directory.with_suffix(".lock")):
        delete_any(copy.directory)


def _found(directory: Path) -> Iterator[CachedCopy]:
    with suppress(OSError):
        for one in directory.iterdir():
            with suppress(OSError, ValueError, KeyError, TypeError):
                record = json.loads((one / _RECORD).read_bytes())
                size = sum(status.st_size for _, status in _files_below(one / _CONTENT) if stat.S_ISREG(status.st_mode))
                yield CachedCopy(str(record["reference"]), one, size, (one / _RECORD).stat().st_mtime)


def _key(found: LocatedVersion, files: Files) -> str:
    """The same for the same content, or else for the same path of the same commit."""
    content = files.info("").oid
    place = (str(content),) if content is not None else (found.address.repo, found.commit, found.path)
    return Oid.of(os.fsencode("\0".join((*place, found.file_name)))).hex()[:32]


def _make(directory: Path, found: LocatedVersion, files: Files, progress: Progress) -> None:
    target = DownloadTarget(directory, directory.parent, force=True)
    with target.new() as temporary, progress.task("get", total=0) as task:
        new = Path(os.fsdecode(temporary))
        (new / _CONTENT).mkdir(parents=True)
        export(files, files.info(""), os.fsencode(new / _CONTENT / found.file_name), task)
        for path, status in _files_below(new / _CONTENT):
            if stat.S_ISREG(status.st_mode):
                path.chmod(stat.S_IMODE(status.st_mode) & ~_WRITE_BITS)
        record = {"reference": found.reference, "made": int(time.time()), "state": _state(new)}
        (new / _RECORD).write_text(json.dumps(record) + "\n")


def _is_unchanged(directory: Path) -> bool:
    """Whether the files of a copy are those that were verified, by their sizes, times and numbers."""
    try:
        return bool(json.loads((directory / _RECORD).read_bytes())["state"] == _state(directory))
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _state(directory: Path) -> str:
    """A digest of the names, sizes and times of all files of a copy. Whatever changes a file changes it."""
    lines = sorted(
        b"\0".join(
            (
                os.fsencode(path.relative_to(directory)),
                b"%o %d %d %d" % (status.st_mode, status.st_size, status.st_mtime_ns, status.st_ino),
            )
        )
        for path, status in _files_below(directory / _CONTENT)
    )
    return str(Oid.of(b"\n".join(lines)))


def _files_below(directory: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """The files and links below a directory."""
    for folder, folders, names in os.walk(directory):
        links = [one for one in folders if os.path.islink(os.path.join(folder, one))]
        for name in (*names, *links):
            path = Path(folder, name)
            yield path, path.lstat()

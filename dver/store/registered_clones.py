"""The register of the clones that use a store: a gc keeps the data of all of them.

`clones/<id>` is an entry (docs/format/store.md) for each clone and user. Each clone has a mark: a random number in its
own directory, which the entry repeats. Only the mark identifies a clone: a path may lead to another clone by now, and
machines or containers may have the same names and paths. A copy of a clone has another path, and so its own entry. The
first use writes an entry, and later uses rewrite it once a day.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from enum import Enum
from pathlib import Path
from typing import Final, NamedTuple

from dver.core.errors import CorruptError
from dver.core.files import create_temporary, fsync_dir
from dver.core.platform import blocks
from dver.core.platform.machine import host_name, user_name
from dver.formats.registered_clone import MARK, SIZE_MAX, CloneEntry, decode, encode
from dver.store.objects.file_creation import DAY, FINISHED, ScratchDirectory, explaining_permissions

FOLDER: Final = "clones"
_MARK_FILE: Final = "clone"


class CloneState(Enum):
    """The state of a clone as seen from this machine."""

    PRESENT = "present"
    """Its path leads to it: the marks match."""
    GONE = "gone"
    """Its path does not exist. The name of its machine is the name of this one."""
    REPLACED = "replaced"
    """Its path leads to another clone: it was moved, or is in another container."""
    UNREADABLE = "unreadable"
    """This user may not read its path."""
    ELSEWHERE = "elsewhere"
    """It was used on a machine with another name, and its path does not lead to it here."""


class RegisteredClone(NamedTuple):
    """A clone that uses a store. `seen` is the last use in Unix seconds, up to a day early."""

    git_dir: Path
    """Its common Git directory, as a path on its own machine."""
    host: str
    user: str
    mark: str
    """Its identity; empty for the clone that contains the store."""
    seen: int
    state: CloneState
    entry: str | None
    """Its name in the register; None for the clone that contains the store."""


def is_shared(root: Path) -> bool:
    """Does the store at `root` have a register of clones?"""
    return (root / FOLDER).is_dir()


def register(root: Path, scratch: ScratchDirectory) -> None:
    """Register the clone of `scratch` in the store at `root`. Writes at most once a day.

    Raises OSError or LocalIOError if it cannot write.
    """
    import time

    git_dir = scratch.sharing.clone
    if git_dir is None:
        return
    mark = _own_mark(git_dir)
    path = root / FOLDER / _name(git_dir, mark)
    with suppress(FileNotFoundError):
        if abs(time.time() - path.stat().st_mtime) < DAY:
            return
    entry = CloneEntry(os.fspath(git_dir), host_name(), user_name(os.geteuid()), mark, int(time.time()))
    scratch.write(path, encode(entry))


def list_clones(root: Path) -> list[RegisteredClone]:
    """All clones that use the store at `root`, sorted by path. Raises CorruptError for an unreadable entry."""
    found = [_clone(name, entry) for name, entry in _entries(root)]
    owner = root.parent.parent
    if root.parts[-2:] == ("dver", "store") and (owner / "HEAD").exists():
        status = owner.stat()
        host, user = host_name(), user_name(status.st_uid)
        found.append(RegisteredClone(owner, host, user, "", int(status.st_mtime), CloneState.PRESENT, None))
    return sorted(found, key=lambda clone: (clone.git_dir, clone.host, clone.user))


def find_clones(root: Path, clone: str, cwd: Path) -> list[RegisteredClone]:
    """The registered clones with the mark `clone`, or that were used at that path: a Git directory or a working tree.

    If some of them are no longer present, only those.
    """
    found = [one for one in list_clones(root) if one.entry]
    if MARK.fullmatch(clone):
        found = [one for one in found if one.mark == clone]
    else:
        path = cwd / clone
        found = [one for one in found if one.git_dir in (path, path / ".git")]
    return [one for one in found if one.state is not CloneState.PRESENT] or found


def forget(root: Path, gone: Iterable[RegisteredClone]) -> None:
    """Remove the entries of `gone` from the register of the store at `root`. A clone in use adds its entry again."""
    folder = root / FOLDER
    for clone in gone:
        with explaining_permissions(folder):
            (folder / str(clone.entry)).unlink(missing_ok=True)
    if folder.is_dir():
        fsync_dir(folder)


def _entries(root: Path) -> Iterator[tuple[str, CloneEntry]]:
    folder = root / FOLDER
    try:
        names = sorted(os.listdir(folder))
    except FileNotFoundError:
        return
    for name in filter(MARK.fullmatch, names):
        try:
            with open(folder / name, "rb") as file:
                yield name, decode(file.read(SIZE_MAX + 1))
        except FileNotFoundError:  # another process removed it
            continue
        except CorruptError as error:
            raise CorruptError(
                f"cannot read the register entry {os.fspath(folder / name)!r} of a clone",
                why=error.what,
                fix=error.fix or "delete that file: a clone that is in use writes it again",
            ) from error


def _clone(name: str, entry: CloneEntry) -> RegisteredClone:
    git_dir = Path(entry.git_dir)
    return RegisteredClone(git_dir, entry.host, entry.user, entry.mark, entry.seen, _state(git_dir, entry), name)


def _state(git_dir: Path, entry: CloneEntry) -> CloneState:
    same_host = entry.host == host_name()  # for messages only: the mark identifies a clone
    try:
        os.stat(git_dir / "HEAD")
        mark = read_mark(git_dir)
    except PermissionError:
        return CloneState.UNREADABLE if same_host else CloneState.ELSEWHERE
    except OSError:
        return CloneState.GONE if same_host else CloneState.ELSEWHERE
    if mark == entry.mark:
        return CloneState.PRESENT
    return CloneState.REPLACED if same_host else CloneState.ELSEWHERE


def _name(git_dir: Path, mark: str) -> str:
    from blake3 import blake3

    # Each user has an entry, which no other user has to write.
    text = b"\0".join((os.fsencode(git_dir), mark.encode("ascii"), str(os.geteuid()).encode("ascii")))
    return blake3(text).hexdigest(length=16)


def _own_mark(git_dir: Path) -> str:
    """The mark of this clone. Creates it if it is missing."""
    with suppress(OSError):
        if (mark := read_mark(git_dir)) is not None:
            return mark
    path = git_dir / "dver" / _MARK_FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary, fd = create_temporary(path.parent)
    try:
        with open(fd, "wb") as file:
            file.write(os.urandom(16).hex().encode("ascii") + b"\n")
            file.flush()
            blocks.sync(fd)
            os.fchmod(fd, FINISHED)
            _publish(temporary, path, git_dir)
    finally:
        temporary.unlink(missing_ok=True)
    mark = read_mark(git_dir)
    assert mark is not None
    return mark


def _publish(temporary: Path, path: Path, git_dir: Path) -> None:
    """Move the mark to its path, unless another process was faster: a clone has one mark."""
    try:
        os.link(temporary, path)
    except OSError:  # it exists, or the disk has no hard links
        with suppress(OSError):
            if read_mark(git_dir) is not None:
                return
        os.replace(temporary, path)
    fsync_dir(path.parent)


def read_mark(git_dir: Path) -> str | None:
    """The mark of the clone with this Git directory, or None. Raises OSError."""
    with suppress(FileNotFoundError), open(git_dir / "dver" / _MARK_FILE, "rb") as file:
        text = file.read(64).decode("ascii", "replace").removesuffix("\n")
        return text if MARK.fullmatch(text) else None
    return None

"""The register of the clones that use a store: who must be asked before anything is taken out of it.

`clones/<id>` is an entry (docs/format/store.md) for each clone and user. Each clone has a mark, a random number in its
own folder that the entry repeats: a clone on a network disk is recognised by it from every machine, and a copy of one,
which has another path, gets an entry of its own. An entry is written at the first use, and again once a day.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from enum import Enum
from pathlib import Path
from typing import Final, NamedTuple

from dver.core.errors import CorruptError
from dver.core.fsutil import create_temporary, fsync_dir
from dver.formats.clone import MARK, SIZE_MAX, Entry, decode, encode
from dver.store.scratch import DAY, FINISHED, Scratch, explaining, user_name

FOLDER: Final = "clones"
_MARK_FILE: Final = "clone"


class State(Enum):
    """What can be found out about a clone from here."""

    HERE = "here"
    """It can be looked into."""
    GONE = "gone"
    """It was on this machine, and its Git directory is there no more."""
    CLOSED = "closed"
    """It is on this machine, but this user may not look into it."""
    ELSEWHERE = "elsewhere"
    """It is on another machine."""


class Clone(NamedTuple):
    """A clone that uses a store. `seen` is when it last did, in Unix seconds, up to a day off."""

    git_dir: Path
    """Its common Git directory, as its own machine calls it."""
    host: str
    user: str
    seen: int
    state: State
    entry: str | None
    """Its name in the register; None for the clone in whose Git directory the store is."""


def is_shared(root: Path) -> bool:
    """Does a clone other than the one in whose Git directory it is use the store at `root`?"""
    return (root / FOLDER).is_dir()


def note(root: Path, scratch: Scratch) -> None:
    """Have the clone of `scratch` stand in the register of the store at `root`. Seldom writes anything.

    Raises OSError or LocalIOError if it has to and cannot.
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
    entry = Entry(os.fspath(git_dir), os.uname().nodename, user_name(os.geteuid()), mark, int(time.time()))
    scratch.write(path, encode(entry))


def listed(root: Path) -> list[Clone]:
    """All clones that use the store at `root`, sorted by path. Raises CorruptError for an entry that cannot be read."""
    found = [_clone(name, entry) for name, entry in _entries(root)]
    owner = root.parent.parent
    if root.parts[-2:] == ("dver", "store") and (owner / "HEAD").exists():
        host = os.uname().nodename
        found.append(Clone(owner, host, user_name(owner.stat().st_uid), int(owner.stat().st_mtime), State.HERE, None))
    return sorted(found, key=lambda clone: (clone.git_dir, clone.host, clone.user))


def forget(root: Path, place: Path) -> list[Clone]:
    """Take the clone whose Git directory or folder is called `place` out of the register of the store at `root`.

    Returns the entries that were taken out. A clone that is still in use comes back by itself.
    """
    gone = [clone for clone in listed(root) if clone.entry and clone.git_dir in (place, place / ".git")]
    folder = root / FOLDER
    for clone in gone:
        with explaining(folder):
            (folder / str(clone.entry)).unlink(missing_ok=True)
    if gone:
        fsync_dir(folder)
    return gone


def _entries(root: Path) -> Iterator[tuple[str, Entry]]:
    folder = root / FOLDER
    try:
        names = sorted(os.listdir(folder))
    except FileNotFoundError:
        return
    for name in filter(MARK.fullmatch, names):
        try:
            with open(folder / name, "rb") as file:
                yield name, decode(file.read(SIZE_MAX + 1))
        except FileNotFoundError:  # forgotten by another process
            continue
        except CorruptError as error:
            raise CorruptError(
                f"the entry {os.fspath(folder / name)!r} of a clone cannot be read",
                why=error.what,
                fix=error.fix or "delete that file: a clone that is in use writes it again",
            ) from error


def _clone(name: str, entry: Entry) -> Clone:
    git_dir = Path(entry.git_dir)
    return Clone(git_dir, entry.host, entry.user, entry.seen, _state(git_dir, entry), name)


def _state(git_dir: Path, entry: Entry) -> State:
    ours = entry.host == os.uname().nodename
    try:
        if ours:
            os.stat(git_dir / "HEAD")
            return State.HERE
        return State.HERE if _read_mark(git_dir) == entry.mark else State.ELSEWHERE
    except PermissionError:
        return State.CLOSED if ours else State.ELSEWHERE
    except OSError:
        return State.GONE if ours else State.ELSEWHERE


def _name(git_dir: Path, mark: str) -> str:
    from blake3 import blake3

    # Users have entries of their own: nobody's is written by another.
    text = b"\0".join((os.fsencode(git_dir), mark.encode("ascii"), str(os.geteuid()).encode("ascii")))
    return blake3(text).hexdigest(length=16)


def _own_mark(git_dir: Path) -> str:
    """The mark of this clone. It gets one if it has none."""
    with suppress(OSError):
        if (mark := _read_mark(git_dir)) is not None:
            return mark
    path = git_dir / "dver" / _MARK_FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary, fd = create_temporary(path.parent)
    try:
        with open(fd, "wb") as file:
            file.write(os.urandom(16).hex().encode("ascii") + b"\n")
            file.flush()
            os.fsync(fd)
            os.fchmod(fd, FINISHED)
            _give_name(temporary, path, git_dir)
    finally:
        temporary.unlink(missing_ok=True)
    mark = _read_mark(git_dir)
    assert mark is not None
    return mark


def _give_name(temporary: Path, path: Path, git_dir: Path) -> None:
    """Name the mark, unless another process has been quicker: a clone has one."""
    try:
        os.link(temporary, path)
    except OSError:  # it is there, or the disk has no hard links
        with suppress(OSError):
            if _read_mark(git_dir) is not None:
                return
        os.replace(temporary, path)
    fsync_dir(path.parent)


def _read_mark(git_dir: Path) -> str | None:
    with open(git_dir / "dver" / _MARK_FILE, "rb") as file:
        text = file.read(64).decode("ascii", "replace").removesuffix("\n")
    return text if MARK.fullmatch(text) else None

"""The register of the clones that use a store: who must be asked before anything is taken out of it.

`clones/<id>` is an entry (docs/format/store.md) for each clone and user. Each clone has a mark, a random number in its
own directory that the entry repeats. Only the mark identifies a clone: a path may lead to another clone by now, and two
machines or containers may have the same name and the same paths. A copy of a clone has another path, and so an entry of
its own. An entry is written at the first use, and again once a day.
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
    """What can be found out about a clone from here."""

    HERE = "here"
    """Its path leads to it: the mark there is its own."""
    GONE = "gone"
    """Nothing is at its path. The machine it was used on has the name of this one."""
    REPLACED = "replaced"
    """Another clone is at its path: it was moved, or is in another container."""
    CLOSED = "closed"
    """This user may not look into what is at its path."""
    ELSEWHERE = "elsewhere"
    """It was used on a machine of another name, and is not at its path here."""


class RegisteredClone(NamedTuple):
    """A clone that uses a store. `seen` is when it last did, in Unix seconds, up to a day off."""

    git_dir: Path
    """Its common Git directory, as its own machine calls it."""
    host: str
    user: str
    mark: str
    """Its identity; empty for the clone in whose Git directory the store is."""
    seen: int
    state: CloneState
    entry: str | None
    """Its name in the register; None for the clone in whose Git directory the store is."""


def is_shared(root: Path) -> bool:
    """Does a clone other than the one in whose Git directory it is use the store at `root`?"""
    return (root / FOLDER).is_dir()


def register(root: Path, scratch: ScratchDirectory) -> None:
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
    entry = CloneEntry(os.fspath(git_dir), host_name(), user_name(os.geteuid()), mark, int(time.time()))
    scratch.write(path, encode(entry))


def list_clones(root: Path) -> list[RegisteredClone]:
    """All clones that use the store at `root`, sorted by path. Raises CorruptError for an entry that cannot be read."""
    found = [_clone(name, entry) for name, entry in _entries(root)]
    owner = root.parent.parent
    if root.parts[-2:] == ("dver", "store") and (owner / "HEAD").exists():
        status = owner.stat()
        host, user = host_name(), user_name(status.st_uid)
        found.append(RegisteredClone(owner, host, user, "", int(status.st_mtime), CloneState.HERE, None))
    return sorted(found, key=lambda clone: (clone.git_dir, clone.host, clone.user))


def clones_at(root: Path, place: Path) -> list[RegisteredClone]:
    """The clones in the register that were used at `place`, a Git directory or a working tree.

    Those that are there no more come alone if there are any: what is there now needs no forgetting.
    """
    at = [clone for clone in list_clones(root) if clone.entry and clone.git_dir in (place, place / ".git")]
    return _without_present(at)


def clones_with_mark(root: Path, mark: str) -> list[RegisteredClone]:
    """The clones in the register with this mark; without those at their path, if there are others."""
    return _without_present([clone for clone in list_clones(root) if clone.entry and clone.mark == mark])


def _without_present(found: list[RegisteredClone]) -> list[RegisteredClone]:
    return [clone for clone in found if clone.state is not CloneState.HERE] or found


def forget(root: Path, gone: Iterable[RegisteredClone]) -> None:
    """Remove the entries of `gone` from the register of the store at `root`. A clone in use enters it again."""
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
        except FileNotFoundError:  # forgotten by another process
            continue
        except CorruptError as error:
            raise CorruptError(
                f"the entry {os.fspath(folder / name)!r} of a clone cannot be read",
                why=error.what,
                fix=error.fix or "delete that file: a clone that is in use writes it again",
            ) from error


def _clone(name: str, entry: CloneEntry) -> RegisteredClone:
    git_dir = Path(entry.git_dir)
    return RegisteredClone(git_dir, entry.host, entry.user, entry.mark, entry.seen, _state(git_dir, entry), name)


def _state(git_dir: Path, entry: CloneEntry) -> CloneState:
    same_host = entry.host == host_name()  # which decides on words alone: only the mark identifies a clone
    try:
        os.stat(git_dir / "HEAD")
        mark = read_mark(git_dir)
    except PermissionError:
        return CloneState.CLOSED if same_host else CloneState.ELSEWHERE
    except OSError:
        return CloneState.GONE if same_host else CloneState.ELSEWHERE
    if mark == entry.mark:
        return CloneState.HERE
    return CloneState.REPLACED if same_host else CloneState.ELSEWHERE


def _name(git_dir: Path, mark: str) -> str:
    from blake3 import blake3

    # Users have entries of their own: nobody's is written by another.
    text = b"\0".join((os.fsencode(git_dir), mark.encode("ascii"), str(os.geteuid()).encode("ascii")))
    return blake3(text).hexdigest(length=16)


def _own_mark(git_dir: Path) -> str:
    """The mark of this clone. It gets one if it has none."""
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
            _give_name(temporary, path, git_dir)
    finally:
        temporary.unlink(missing_ok=True)
    mark = read_mark(git_dir)
    assert mark is not None
    return mark


def _give_name(temporary: Path, path: Path, git_dir: Path) -> None:
    """Name the mark, unless another process has been quicker: a clone has one."""
    try:
        os.link(temporary, path)
    except OSError:  # it is there, or the disk has no hard links
        with suppress(OSError):
            if read_mark(git_dir) is not None:
                return
        os.replace(temporary, path)
    fsync_dir(path.parent)


def read_mark(git_dir: Path) -> str | None:
    """The mark of the clone with this Git directory; None if it has none. Raises OSError."""
    with suppress(FileNotFoundError), open(git_dir / "dver" / _MARK_FILE, "rb") as file:
        text = file.read(64).decode("ascii", "replace").removesuffix("\n")
        return text if MARK.fullmatch(text) else None
    return None

"""Faults at every place where a process changes a disk: counted first, then made to happen one at a time.

`arm` replaces, in this process and those it forks, what Python offers to change files: the functions of `os`, files
that are opened for writing, and the ioctl that shares blocks. Each call below one folder is a *site*, and has a
number. SQLite is left alone, as it writes without Python. Threads and forked processes count together.
"""

from __future__ import annotations

import builtins
import errno
import fcntl
import io
import json
import mmap
import os
import shutil
import signal
import stat
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any


class Mode(Enum):
    """What happens at a site."""

    COUNT = "count"
    """Nothing; but it is noted."""
    ERROR = "error"
    """The call fails, once, as on a bad disk."""
    FULL = "full"
    """From there on nothing can grow, as on a full disk."""
    INTERRUPT = "interrupt"
    """Ctrl-C."""
    KILL = "kill"
    """The processes end there; a write has written half."""
    POWER = "power"
    """The same, and what was written and not synced is lost: files are cut to what they were when last synced."""
    POWER_NAMES = "power-names"
    """The same, and so are names: renames and new names in a directory that was not synced afterwards are undone."""


GROWING = frozenset({"write", "pwrite", "mkdir", "symlink", "link", "create", "reflink"})
_POWER = (Mode.POWER, Mode.POWER_NAMES)
_REAL_OPEN = open
_PATCHED = ("open", "write", "pwrite", "fsync", "replace", "rename", "link", "unlink", "rmdir", "mkdir", "symlink")
_REAL = {name: getattr(os, name) for name in (*_PATCHED, "ftruncate")}
_WRITING_GIT = frozenset({"add", "update-index", "rm", "commit", "config", "checkout", "update-ref"})


@dataclass(frozen=True, slots=True)
class Site:
    """One call: its number, what it was, and of what, relative to the folder that is watched."""

    number: int
    kind: str
    path: str

    def __str__(self) -> str:
        return f"{self.number}: {self.kind} {self.path}"


@dataclass
class Notes:
    """The folder in which a run writes down what it did. It outlives the run, whatever that ended by."""

    folder: Path
    sites: Path = field(init=False)
    journal: Path = field(init=False)

    def __post_init__(self) -> None:
        self.sites = self.folder / "sites"
        self.journal = self.folder / "journal"

    def read_sites(self) -> list[Site]:
        """All sites that were met, in order."""
        if not self.sites.exists():
            return []
        return sorted((Site(*json.loads(line)) for line in self.sites.read_text().splitlines()), key=_number)


def _number(site: Site) -> int:
    return site.number


class _Injector:
    def __init__(self, root: Path, notes: Notes, mode: Mode, at: int) -> None:
        self.root = os.path.realpath(root)
        self.mode = mode
        self.at = at
        self.notes = notes
        self.main = os.getpid()
        self._count = mmap.mmap(-1, 8)  # shared with the processes that are forked
        self._lock = threading.Lock()
        notes.folder.mkdir(parents=True, exist_ok=True)
        flags = os.O_CREAT | os.O_WRONLY | os.O_APPEND
        self._sites = _REAL["open"](notes.sites, flags, 0o600)
        self._journal = _REAL["open"](notes.journal, flags, 0o600)
        self._turn = _REAL["open"](notes.folder / "turn", os.O_CREAT | os.O_RDWR, 0o600)

    # -- deciding

    def site(self, kind: str, path: str, *, half: Callable[[], object] | None = None) -> None:
        """A call is about to be made. Returns if it should be."""
        with self._lock:
            fcntl.lockf(self._turn, fcntl.LOCK_EX)
            number = int.from_bytes(self._count[:], "little") + 1
            self._count[:] = number.to_bytes(8, "little")
            line = json.dumps([number, kind, os.path.relpath(path, self.root)]) + "\n"
            _REAL["write"](self._sites, line.encode("utf-8", "surrogateescape"))
            fcntl.lockf(self._turn, fcntl.LOCK_UN)
        if self.mode is Mode.FULL and number >= self.at and kind in GROWING:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), *([] if kind in ("write", "pwrite") else [path]))
        if number == self.at:
            self._act(kind, path, half)

    def _act(self, kind: str, path: str, half: Callable[[], object] | None) -> None:
        if self.mode is Mode.ERROR:
            named = [] if kind in ("write", "pwrite", "fsync", "reflink") else [path]
            raise OSError(errno.EIO, os.strerror(errno.EIO), *named)
        if self.mode is Mode.INTERRUPT:
            os.kill(self.main, signal.SIGINT)
        elif self.mode in (Mode.KILL, *_POWER):
            if half is not None:
                half()
            os.killpg(0, signal.SIGKILL)

    def watches(self, path: str) -> bool:
        """Does `path` lie in the folder?"""
        return path.startswith(self.root + os.sep)

    # -- remembering, for a power cut

    def note(self, *entry: object) -> None:
        """Write down what was done."""
        if self.mode in _POWER:
            _REAL["write"](self._journal, (json.dumps(entry) + "\n").encode("utf-8", "surrogateescape"))

    def keep(self, path: str) -> str | None:
        """A second name for the file at `path`, which is about to lose its own."""
        if self.mode not in _POWER or not os.path.lexists(path) or os.path.isdir(path):
            return None
        name = os.fspath(self.notes.folder / f"kept-{os.urandom(8).hex()}")
        _REAL["link"](path, name, follow_symlinks=False)
        return name

    # -- the calls

    def write(self, fd: int, data: Any, real: Callable[[Any], int], kind: str = "write") -> int:
        path = _path_of(fd)
        if path is None or not self.watches(path):
            return real(data)
        view = memoryview(data).cast("B")
        self.note("dirty", os.fstat(fd).st_ino)
        self.site(kind, path, half=lambda: real(view[: len(view) // 2]))
        return real(data)

    def sync(self, fd: int, real: Callable[[int], None]) -> None:
        path = os.readlink(f"/proc/self/fd/{fd}")
        if not self.watches(path + os.sep):
            return real(fd)
        self.site("fsync", path)
        real(fd)
        status = os.fstat(fd)
        if stat.S_ISDIR(status.st_mode):
            self.note("synced-directory", path)
        else:
            self.note("synced", status.st_ino, status.st_size)
        return None


def _path_of(fd: int) -> str | None:
    """The regular file that is open as `fd`."""
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            return None
        return os.readlink(f"/proc/self/fd/{fd}").removesuffix(" (deleted)")
    except OSError:
        return None


def _absolute(path: Any, dir_fd: int | None = None) -> str:
    text = os.fsdecode(path)
    base = os.readlink(f"/proc/self/fd/{dir_fd}") if dir_fd is not None else os.getcwd()
    return os.path.normpath(os.path.join(base, text))


def arm(root: Path, notes: Notes, mode: Mode, at: int = 0) -> None:
    """From now on the calls of this process below `root` are sites, and `mode` happens at the one numbered `at`."""
    injector = _Injector(root, notes, mode, at)
    _patch_descriptors(injector)
    _patch_names(injector)
    _patch_files(injector)
    _patch_git(injector)


def _patch_descriptors(injector: _Injector) -> None:
    def write(fd: int, data: Any, /) -> int:
        return injector.write(fd, data, lambda part: _REAL["write"](fd, part))

    def pwrite(fd: int, data: Any, offset: int, /) -> int:
        return injector.write(fd, data, lambda part: _REAL["pwrite"](fd, part, offset), "pwrite")

    def ftruncate(fd: int, length: int, /) -> None:
        path = _path_of(fd)
        if path is not None and injector.watches(path):
            injector.site("truncate", path)
            injector.note("dirty", os.fstat(fd).st_ino)
        _REAL["ftruncate"](fd, length)

    def fsync(fd: Any, /) -> None:
        injector.sync(fd if isinstance(fd, int) else fd.fileno(), _REAL["fsync"])

    real_ioctl = fcntl.ioctl

    def ioctl(fd: Any, request: int, *rest: Any) -> Any:
        number = fd if isinstance(fd, int) else fd.fileno()
        path = _path_of(number)
        if path is not None and injector.watches(path):
            injector.site("reflink", path)
            injector.note("dirty", os.fstat(number).st_ino)
        return real_ioctl(fd, request, *rest)

    os.write, os.pwrite, os.ftruncate = write, pwrite, ftruncate
    os.fsync = os.fdatasync = fsync
    fcntl.ioctl = ioctl


def _patch_names(injector: _Injector) -> None:
    def two(name: str) -> Callable[..., None]:
        def call(source: Any, target: Any, **options: Any) -> None:
            made = _absolute(target, options.get("dst_dir_fd") or options.get("dir_fd"))
            if not injector.watches(made):
                return _REAL[name](source, target, **options)
            injector.site("rename" if name == "replace" else name, made)
            kept = injector.keep(made) if name in ("rename", "replace") else None
            _REAL[name](source, target, **options)
            origin = _absolute(source, options.get("src_dir_fd")) if name in ("rename", "replace") else None
            injector.note("named", made, origin, kept)
            return None

        return call

    def one(name: str, kind: str) -> Callable[..., None]:
        def call(path: Any, *arguments: Any, **options: Any) -> None:
            place = _absolute(path, options.get("dir_fd"))
            if not injector.watches(place):
                return _REAL[name](path, *arguments, **options)
            injector.site(kind, place)
            kept = injector.keep(place) if kind == "unlink" else None
            _REAL[name](path, *arguments, **options)
            injector.note({"unlink": "unnamed", "rmdir": "removed", "mkdir": "made"}[kind], place, kept)
            return None

        return call

    def opened(path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if not flags & os.O_CREAT:
            return _REAL["open"](path, flags, mode, dir_fd=dir_fd)
        place = _absolute(path, dir_fd)
        new = injector.watches(place) and not os.path.lexists(place)
        if new:
            injector.site("create", place)
        fd = _REAL["open"](path, flags, mode, dir_fd=dir_fd)
        if new:
            injector.note("named", place, None, None)
        return fd

    os.rename, os.replace, os.link, os.symlink = two("rename"), two("replace"), two("link"), two("symlink")
    os.unlink = os.remove = one("unlink", "unlink")
    os.rmdir, os.mkdir = one("rmdir", "rmdir"), one("mkdir", "mkdir")
    os.open = opened


def _patch_files(injector: _Injector) -> None:
    class Raw(io.FileIO):
        def write(self, data: Any, /) -> int:
            return injector.write(self.fileno(), data, super().write)

    def opener(path: Any, flags: int) -> int:
        return os.open(path, flags, 0o666)

    def opened(
        file: Any,
        mode: str = "r",
        buffering: int = -1,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
        closefd: bool = True,
        opener: Any = opener,
    ) -> Any:
        if not set(mode) & set("wxa+"):
            return _REAL_OPEN(file, mode, buffering, encoding, errors, newline, closefd)
        raw = Raw(file, mode.replace("b", "").replace("t", ""), closefd, None if isinstance(file, int) else opener)
        if buffering == 0:
            return raw
        size = buffering if buffering > 1 else io.DEFAULT_BUFFER_SIZE
        buffered = io.BufferedRandom(raw, size) if "+" in mode else io.BufferedWriter(raw, size)
        return buffered if "b" in mode else io.TextIOWrapper(buffered, encoding, errors, newline)

    builtins.open = opened
    io.open = opened


def _patch_git(injector: _Injector) -> None:
    """Commands by which git writes are sites, too: they fail as git does where it cannot write its index."""
    real = subprocess.Popen.__init__

    def start(self: Any, args: Any, *rest: Any, **options: Any) -> None:
        if isinstance(args, (list, tuple)) and args[0] == "git" and _WRITING_GIT & set(args[1:4]):
            try:
                injector.site("git", os.path.join(injector.root, os.fsdecode(args[1])))
            except OSError:
                args = ["sh", "-c", "cat >/dev/null; echo 'fatal: unable to write new index file' >&2; exit 128"]
        real(self, args, *rest, **options)

    subprocess.Popen.__init__ = start


# -- after a power cut -----------------------------------------------------------------------------------------------


def cut_power(root: Path, notes: Notes, mode: Mode) -> None:
    """Take from the files below `root` what a power cut would have taken, by what a run that was killed has noted."""
    if mode not in _POWER or not notes.journal.exists():
        return
    entries = [json.loads(line) for line in notes.journal.read_text(errors="surrogateescape").splitlines()]
    for folder in (root, notes.folder):
        _lose_data(folder, entries)
    if mode is Mode.POWER_NAMES:
        _lose_names(entries)


def _lose_data(root: Path, entries: list[list[Any]]) -> None:
    synced: dict[int, int] = {}
    dirty: set[int] = set()
    for kind, *rest in entries:
        if kind == "dirty":
            dirty.add(rest[0])
        elif kind == "synced":
            synced[rest[0]] = rest[1]
            dirty.discard(rest[0])
    for folder, _, names in os.walk(root):
        for name in names:
            path = os.path.join(folder, name)
            status = os.lstat(path)
            if stat.S_ISREG(status.st_mode) and status.st_ino in dirty:
                mode = stat.S_IMODE(status.st_mode)
                os.chmod(path, mode | 0o200)
                os.truncate(path, min(status.st_size, synced.get(status.st_ino, 0)))
                os.chmod(path, mode)


def _lose_names(entries: list[list[Any]]) -> None:
    later: set[str] = set()
    for kind, *rest in reversed(entries):
        if kind == "synced-directory":
            later.add(rest[0])
        elif kind in ("named", "unnamed") and os.path.dirname(rest[0]) not in later:
            _undo(kind, *rest)
        elif kind == "removed" and os.path.dirname(rest[0]) not in later and not os.path.lexists(rest[0]):
            os.makedirs(rest[0], exist_ok=True)
        elif kind == "made" and not _settled(rest[0], later):
            shutil.rmtree(rest[0], ignore_errors=True)


def _undo(kind: str, path: str, *rest: str | None) -> None:
    if kind == "unnamed":
        if rest[0] and os.path.isdir(os.path.dirname(path)) and not os.path.lexists(path):
            os.link(rest[0], path, follow_symlinks=False)
        return
    origin, kept = rest
    if not os.path.lexists(path):
        return
    if origin is not None:
        os.makedirs(os.path.dirname(origin), exist_ok=True)
        os.rename(path, origin)
    elif not os.path.isdir(path):
        os.unlink(path)
    if kept:
        os.link(kept, path, follow_symlinks=False)


def _settled(folder: str, later: set[str]) -> bool:
    # The journals of file systems keep their order: to sync what is in a directory, or beside it, is enough.
    return any(one.startswith(os.path.dirname(folder)) for one in later) or _holds_files(folder)


def _holds_files(folder: str) -> bool:
    return any(names for _, _, names in os.walk(folder))

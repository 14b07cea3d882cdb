"""The histories of monitors: `dver.monitor/NAME.jsonl` at the top of the project, tracked by Git."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import Final

from dver.core.errors import CorruptError, NewerVersionError, UsageError
from dver.core.files import read_regular, write_all_atomic
from dver.core.oid import Oid
from dver.core.phrasing import join_limited, quoted
from dver.formats.monitor_history import (
    DIRECTORY,
    MAX_SIZE,
    NAME_PATTERN,
    SUFFIX,
    MonitoredWindow,
    decode_history,
    encode_history,
    sort_windows,
)
from dver.git import index
from dver.git.git_repo import run
from dver.repo import Repository

_ATTRIBUTES: Final = b"*.jsonl merge=union\n"
"""Git's own driver merges histories: also where dver's drivers are not installed."""

_STEM_MAX: Final = 90
"""Of a name that gets a number: names have at most 100 characters."""


def checked_name(name: str) -> str:
    """Return `name` if a monitor may have it. Raises UsageError."""
    if NAME_PATTERN.fullmatch(name) is None:
        raise UsageError(
            f"invalid name of a monitor: {name!r}",
            why="a name has lower-case letters, digits, `.`, `_` and `-`",
            fix="give it with --name, such as --name churn",
        )
    return name


def monitor_names(repo: Repository) -> list[str]:
    """The monitors that have a history in this working tree, sorted."""
    folder = repo.root / DIRECTORY
    found = sorted(os.listdir(folder)) if folder.is_dir() else []
    names = [one.removesuffix(SUFFIX) for one in found if one.endswith(SUFFIX)]
    return [one for one in names if NAME_PATTERN.fullmatch(one)]


def history_file(repo: Repository, name: str) -> Path:
    """The file of a monitor's history."""
    return repo.root / DIRECTORY / f"{checked_name(name)}{SUFFIX}"


def read_history(repo: Repository, name: str) -> tuple[MonitoredWindow, ...]:
    """The windows of the monitor `name` in this working tree, sorted by time. Empty if it has none.

    Raises CorruptError with the line that is not valid.
    """
    path = history_file(repo, name)
    if not path.exists():
        return ()
    shown = repo.layout.shown(_relative(repo, path))
    return decode_named(read_regular(path, MAX_SIZE + 1), shown, partial(_restoring_command, repo, path))


def _restoring_command(repo: Repository, path: Path) -> str | None:
    """The command that restores the newest whole version: of the index, which has what dver wrote last, or of HEAD."""
    for rev, command in ((b"", "git restore"), (b"HEAD", "git checkout HEAD --")):
        content = run(repo.git, ["cat-file", "blob", rev + b":" + _relative(repo, path)], ok=(0, 128))
        with suppress(CorruptError):
            if decode_history(content):
                return command
    return None


def decode_named(
    content: bytes, shown: str, restoring_command: Callable[[], str | None] = lambda: None
) -> tuple[MonitoredWindow, ...]:
    """Decode the history `shown`. An error names it, with what repairs it, such as the command that restores it."""
    try:
        return decode_history(content)
    except NewerVersionError as error:
        raise NewerVersionError(f"{shown!r}: {error.what}", why=error.why, fix=error.fix) from error
    except CorruptError as error:
        fix = error.fix  # a conflict has its own: a restored file would lose the windows of one side
        if fix is None and (command := restoring_command()) is not None:
            fix = f"restore the file: {command} {quoted(shown)}"
        fix = fix or f"delete that line, or restore an earlier version: git log --oneline -- {quoted(shown)}"
        raise CorruptError(f"{shown!r}: {error.what}", why=error.why, fix=fix) from error


def existing_history(repo: Repository, name: str) -> tuple[MonitoredWindow, ...]:
    """As `read_history`. Raises UsageError with the known monitors if there is no monitor `name`."""
    found = read_history(repo, name)
    if found:
        return found
    from difflib import get_close_matches  # takes three milliseconds

    known = monitor_names(repo)
    near = get_close_matches(name, known, n=1)
    raise UsageError(
        f"no monitor has the name {name!r}" + (f"; did you mean {near[0]!r}?" if near else ""),
        why=f"this working tree has the monitors {join_limited(known)}" if known else f"there is no {DIRECTORY}/",
        fix="`dver monitor LIVE --reference PATH --name NAME` makes one",
    )


@dataclass(frozen=True, slots=True)
class MonitoredData:
    """The live data that histories name: its profiles are pushed."""

    contents: frozenset[Oid]
    damaged: tuple[str, ...] = ()
    """The histories that cannot be read, each with the reason and the fix. Their live data is not in `contents`."""


def monitored_data(repo: Repository) -> MonitoredData:
    """The live data that the histories of this working tree name."""
    return _data_of(partial(read_history, repo, name) for name in monitor_names(repo))


def data_in(histories: Iterable[tuple[str, bytes]]) -> MonitoredData:
    """The live data that `histories` name: contents, each with its path."""
    return _data_of(partial(decode_named, content, path) for path, content in histories)


def _data_of(histories: Iterable[Callable[[], Sequence[MonitoredWindow]]]) -> MonitoredData:
    found: set[Oid] = set()
    damaged: list[str] = []
    for read in histories:
        try:
            found.update(one.data for one in read() if one.data is not None)
        except CorruptError as error:
            damaged.append("; ".join(filter(None, (error.what, error.why, error.fix))))
    return MonitoredData(frozenset(found), tuple(damaged))


def latest_alarm(repo: Repository, name: str) -> MonitoredWindow | None:
    """The newest window of the monitor `name`, if it has an alarm."""
    found = read_history(repo, name)
    return found[-1] if found and found[-1].alarm else None


def record_windows(
    repo: Repository, name: str, windows: Sequence[MonitoredWindow], *, keep_times: bool = False
) -> tuple[MonitoredWindow, ...]:
    """Add `windows` to a history and stage it; returns the whole history.

    A window replaces the one with its id. If nothing but the time of recording differs, the earlier line stays, so that
    repeating a command changes nothing. With `keep_times`, a recorded window also keeps its start and end: they are the
    dates of files, which differ in each clone. Of very many drifted columns, the first are recorded. Raises UsageError
    if the directory of histories is a symbolic link, and for a history that would be too large to be read.
    """
    path = history_file(repo, name)
    if path.parent.is_symlink():  # a clone may contain links that lead out of the project
        raise UsageError(
            f"{DIRECTORY} is a symbolic link", why="histories stay in the project", fix="make it a directory"
        )
    with repo.exclusive():
        before = read_history(repo, name)
        known = {one.id: one for one in before}
        windows = [one.with_fewer_columns() for one in windows]
        if keep_times:
            windows = [_with_times_of(one, known.get(one.id)) for one in windows]
        added = [one for one in windows if not (one.id in known and _same(one, known[one.id]))]
        replaced = {one.id for one in added}
        found = sort_windows([*(one for one in before if one.id not in replaced), *added])
        content = encode_history(found)
        if len(content) > MAX_SIZE:
            raise _too_large(repo, name, len(content), alone=len(encode_history(windows)) > MAX_SIZE)
        path.parent.mkdir(exist_ok=True)
        attributes = path.parent / ".gitattributes"
        files = {path: content}
        if not attributes.exists():
            files[attributes] = _ATTRIBUTES
        changed = {file: content for file, content in files.items() if not _has(file, content)}
        if changed:
            write_all_atomic(changed)
        index.stage(repo.git, [_relative(repo, file) for file in files])
    return found


def _too_large(repo: Repository, name: str, size: int, *, alone: bool) -> UsageError:
    """The error for a history of `size` bytes; `alone` says that the new windows alone are too large."""
    old, new = (
        quoted(repo.layout.shown(_relative(repo, history_file(repo, one)))) for one in (name, _unused_name(repo, name))
    )
    fix = f"rename the history, so that a new one begins: git mv {old} {new}"
    return UsageError(
        f"the history of {name!r} would be too large",
        why=f"it would have {size:,} bytes, and at most {MAX_SIZE:,} are read",
        fix="compare fewer windows at a time, or leave columns out with --ignore" if alone else fix,
    )


def _unused_name(repo: Repository, name: str) -> str:
    names = (f"{name[:_STEM_MAX]}-{number}" for number in count(1))
    return next(one for one in names if not history_file(repo, one).exists())


def _with_times_of(one: MonitoredWindow, other: MonitoredWindow | None) -> MonitoredWindow:
    """`one` with the times of `other`, unless there is no other, or rows were added."""
    return one if other is None or one.rows != other.rows else replace(one, start=other.start, end=other.end)


def _same(one: MonitoredWindow, other: MonitoredWindow) -> bool:
    return replace(one, recorded=other.recorded) == other


def _has(file: Path, content: bytes) -> bool:
    return file.exists() and read_regular(file) == content


def _relative(repo: Repository, file: Path) -> bytes:
    return os.fsencode(file.relative_to(repo.git.worktree))

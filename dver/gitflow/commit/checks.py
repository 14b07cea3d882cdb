"""What stands against a commit: problems with what is staged, each with the way out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from dver.core.errors import ConflictError, CorruptError
from dver.core.oid import Oid
from dver.core.phrasing import quoted
from dver.formats.objectref import ObjectRef
from dver.formats.pack import ObjectKind
from dver.git.pointers import MAX_BLOB, PointerFile
from dver.git.revisions import head
from dver.git.staged import StagedFile, was_committed
from dver.repo import Repository
from dver.store.objects.reader import StoreReader
from dver.store.trees.reachable import find_missing
from dver.tracking.availability import presence_of
from dver.tracking.lock_outputs import Maker
from dver.tracking.targets import Tracked, in_commit, load


class Problem(NamedTuple):
    """Why a commit cannot be made. `path` is relative to the top of the Git worktree."""

    path: bytes
    what: str
    why: str | None
    fix: str | None


def read_staged(
    repo: Repository, files: Iterable[StagedFile], contents: Mapping[str, bytes]
) -> tuple[dict[bytes, Tracked], list[Problem]]:
    """The pointers among `files`, by the path of their data, and a problem for each that cannot be read."""
    tracked: dict[bytes, Tracked] = {}
    problems: list[Problem] = []
    for file in files:
        try:
            if file.blob not in contents:
                raise CorruptError(
                    "a pointer that is too large",
                    why=f"it has {file.size} bytes, a pointer at most {MAX_BLOB}",
                    fix="rename it: names that end in .dver are for pointers",
                )
            tracked.update(load(repo, {file.path: PointerFile(file.blob, contents[file.blob])}))
        except (CorruptError, ConflictError) as error:
            problems.append(Problem(file.path, error.what, error.why, error.fix))
    return tracked, problems


def without_data(
    repo: Repository, tracked: Mapping[bytes, Tracked], files: Mapping[bytes, StagedFile]
) -> list[Problem]:
    """A problem for each pointer whose data is not all in the store, on no remote as far as is known here, and that
    no commit has had yet: what was committed once is somewhere, as after a revert in a clone that never pulled it."""
    if not tracked:
        return []
    here = presence_of(repo, [one.pointer for one in tracked.values()]).in_store
    lacking = [one for one in tracked.values() if one.pointer.oid not in here]
    if not lacking:
        return []
    known = missing(repo, [one.ref for one in _before(repo, lacking)])
    return [
        _no_data(repo, one)
        for one in lacking
        if missing(repo, [one.ref]) - known and not was_committed(repo.git, files[one.source])
    ]


def missing(repo: Repository, roots: Iterable[ObjectRef]) -> set[Oid]:
    """What `roots` reach, and is neither in the store nor on a remote, as far as is known here."""
    mirrors = [repo.remotes.mirror(name) for name in repo.config.remote_names]

    def known(kind: ObjectKind, oids: Sequence[Oid]) -> set[Oid]:
        return repo.store.present(oids).union(*(mirror.known(kind, oids) for mirror in mirrors))

    return {one.oid for one in find_missing(roots, StoreReader(repo.store), known)}


def _before(repo: Repository, tracked: Iterable[Tracked]) -> list[Tracked]:
    """What HEAD has in the place of `tracked`: of a directory that is here in part, the rest need not be here."""
    commit = head(repo.git)
    if commit is None:
        return []
    before = in_commit(repo, commit)
    return [before[one.path] for one in tracked if one.path in before]


def _no_data(repo: Repository, one: Tracked) -> Problem:
    shown = quoted(repo.layout.shown(one.path))
    return Problem(
        one.source,
        "its data is not in the store",
        "nobody could check this commit out: the data is on no remote that is known here either",
        f"dver add {shown}, if you have the data; dver fetch {shown}, if others pushed it",
    )


def too_large(repo: Repository, files: Iterable[StagedFile]) -> list[Problem]:
    """A problem for each file that is larger than `hooks.max_file_size`, and that Git does not have already, by
    another name or on another branch."""
    limit = repo.config.max_file_size
    return [_too_large(repo, file) for file in files if file.size > limit and not was_committed(repo.git, file)]


def _too_large(repo: Repository, file: StagedFile) -> Problem:
    shown = quoted(repo.layout.shown(file.path))
    return Problem(
        file.path,
        f"{file.size:,} bytes would go into Git itself",
        f"Git keeps them in every clone for ever; hooks.max_file_size is {repo.config.get('hooks.max_file_size')}",
        f"git rm -q --cached -- {shown} && dver add {shown}",
    )


def tracked_twice(repo: Repository, data: Mapping[bytes, Maker | None], in_git: Sequence[bytes]) -> list[Problem]:
    """A problem for each of the paths `data`, which dver tracks, that one of the files `in_git` is, or lies below.
    `data` has the stage of what is an output."""
    found: dict[bytes, bytes] = {}
    for path in in_git:
        for place in ancestors(path):
            if place in data:
                found.setdefault(place, path)
    return [_twice(repo, place, path, data[place]) for place, path in sorted(found.items())]


def _twice(repo: Repository, place: bytes, path: bytes, maker: Maker | None) -> Problem:
    shown = quoted(repo.layout.shown(place))
    recursive = "" if place == path else "-r "
    why, leaving = f"the pointer {repo.layout.shown(place)}.dver stands for it already", f"dver remove {shown}"
    if maker is not None:
        why = f"it is an output of stage {maker.shown(repo)}, which {repo.layout.shown(maker.lock)} names"
        leaving = "say `cache: false` of it in dver.yaml, then dver repro"
    return Problem(
        path,
        "it is tracked by Git and by dver",
        why,
        f"git rm -q {recursive}--cached -- {shown}, or, to leave it to Git: {leaving}",
    )


def ancestors(path: bytes) -> list[bytes]:
    """The folders that `path` lies in, and `path` itself."""
    parts = path.split(b"/")
    return [b"/".join(parts[:length]) for length in range(1, len(parts) + 1)]

"""The commits that a Git remote has, for the pre-push hook: from remote-tracking refs, or from the remote itself.

Remote-tracking refs belong to the address of the last fetch. After `git remote set-url`, the new address may have none
of those commits. So dver compares the refs with the remote once per address and records that. After a mismatch, the
next push asks again.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

from dver.core.errors import RepositoryError
from dver.core.files import write_atomic
from dver.core.oid import Oid
from dver.git.git_repo import GitRepo, run
from dver.git.revisions import rev_list

_FILE: Final = "tracked-addresses"


def ids_on_remote(git: GitRepo, remote: str, url: str | None) -> list[str]:
    """Ids of commits and tags that the Git remote `remote` at `url` surely has.

    Empty if it cannot be asked: the push then counts as the first one.
    """
    tracked = _tracked(git, remote)
    mark = Oid.of(os.fsencode(f"{remote}\0{url}")).hex()
    if not tracked or url is None or mark in _marks(git):
        return tracked
    found = _asked(git, url)
    if found and _has_all(git, found, tracked):
        _remember(git, mark)
    return sorted(found)


def _tracked(git: GitRepo, remote: str) -> list[str]:
    output = run(git, ["for-each-ref", "--format=%(objectname)", f"refs/remotes/{remote}/"])
    return sorted(set(output.decode().split()))


def _has_all(git: GitRepo, remote_ids: Iterable[str], tracked: Iterable[str]) -> bool:
    """Whether a remote with the ids `remote_ids` has everything that `tracked` reaches."""
    return not rev_list(git, ["--ignore-missing", "-n", "1"], [*tracked, *(f"^{one}" for one in remote_ids)])


def _asked(git: GitRepo, url: str) -> set[str]:
    try:
        output = run(git, ["ls-remote", "--end-of-options", url])
    except RepositoryError:
        return set()
    return {line.partition("\t")[0] for line in os.fsdecode(output).splitlines()}


def _marks(git: GitRepo) -> list[str]:
    with suppress(OSError, UnicodeDecodeError):
        return _path(git).read_text("ascii").splitlines()
    return []


def _remember(git: GitRepo, mark: str) -> None:
    with suppress(OSError):
        path = _path(git)
        path.parent.mkdir(exist_ok=True)
        write_atomic(path, "".join(f"{one}\n" for one in (*_marks(git), mark)).encode("ascii"), durable=False)


def _path(git: GitRepo) -> Path:
    return git.common_dir / "dver" / _FILE

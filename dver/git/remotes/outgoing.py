"""The commits of a `git push`: the updated refs that Git passes to its hook, and the new files of their commits."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from dver.git.file_changes import changes_to_parents, glob
from dver.git.git_repo import CommitId, GitRepo, describe_objects
from dver.git.revisions import rev_list


class RefUpdate(NamedTuple):
    """A pushed ref. Ids are of commits, tags, or any object that a tag names."""

    local_ref: str
    local_id: str
    remote_ref: str
    remote_id: str

    @property
    def deletes(self) -> bool:
        """Whether the push deletes the ref."""
        return not self.local_id.strip("0")


class NewFile(NamedTuple):
    """A file of a commit that differs from all of its parents. `blob` is Git's id."""

    commit: CommitId
    path: bytes
    blob: str


def parse_updates(lines: bytes) -> list[RefUpdate]:
    """Parses the input of the hook: `local-ref local-id remote-ref remote-id` per line."""
    # Split from the right: `local-ref` is the user's text, which may have spaces: `HEAD@{1 day ago}`.
    return [RefUpdate(*os.fsdecode(line).rsplit(" ", 3)) for line in lines.split(b"\n") if line.count(b" ") >= 3]


def new_commits(git: GitRepo, updates: Sequence[RefUpdate], remote_ids: Iterable[str] = ()) -> list[CommitId]:
    """The commits that a Git remote receives by `updates`, parents before children.

    The remote has everything reachable from the ids in `remote_ids` and from the remote ids in `updates`.
    """
    tips = [update.local_id for update in updates if not update.deletes]
    if not tips:
        return []
    known = _present(git, [*(update.remote_id for update in updates if update.remote_id.strip("0")), *remote_ids])
    return rev_list(git, ["--topo-order", "--reverse"], [*tips, *(f"^{tip}" for tip in known)])


def new_files(git: GitRepo, commits: Sequence[CommitId], *patterns: bytes) -> Iterator[NewFile]:
    """The new regular files of each of `commits` that match one of the `:(glob)` patterns.

    For a merge, the files that differ from all of its parents: others came with the merged commits.
    """
    for change in changes_to_parents(git, commits, glob(b"", patterns)):
        if change.new is not None:
            yield NewFile(change.commit, change.path, change.new)


def commits_of(git: GitRepo, updates: Sequence[RefUpdate]) -> list[CommitId]:
    """The commits of the refs in `updates`, each once."""
    tips = [update.local_id for update in updates if not update.deletes]
    return rev_list(git, ["--no-walk=sorted"], tips) if tips else []


def _present(git: GitRepo, ids: Sequence[str]) -> list[str]:
    """The `ids` that are commits or tags of this clone."""
    pairs = [line.split(" ") for line in describe_objects(git, ids, "%(objectname) %(objecttype)")]
    return [words[0] for words in pairs if words[1] in ("commit", "tag")]

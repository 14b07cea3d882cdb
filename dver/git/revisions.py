"""Revisions: from text such as `v1`, `main~2` or `HEAD@{yesterday}` to commits."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from dver.core.errors import RepositoryError, UsageError
from dver.git.git_repo import CommitId, GitRepo, run


class DatedTip(NamedTuple):
    """A ref, its commit, and the commit's date in Unix seconds."""

    date: int
    id: CommitId
    ref: str


_ID: Final = re.compile(rb"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_BRANCH: Final = re.compile(rb"ref: (refs/heads/[^\0\r\n]+)\n?")


def resolve(git: GitRepo, rev: str) -> CommitId:
    """The commit that `rev` names by git's rules, or of a version in the registry: `churn@latest`, `churn#prod`.

    Raises UsageError for an unknown one, with close matches.
    """
    # `:/text` treats the rest as text and finds only commits.
    peeled = rev if rev.startswith(":/") else f"{rev}^{{commit}}"
    try:
        if not rev or rev.startswith("-") or "\0" in rev:
            raise RepositoryError("no revision has such a name")
        output = run(git, ["rev-parse", "--verify", "--end-of-options", peeled])
    except RepositoryError as error:
        from dver.git.registry import references  # takes 5 ms, and Git knows most revisions

        if (commit := references.commit_of(git, rev)) is not None:
            return commit
        raise _unknown(git, rev, error) from error
    return CommitId(output.decode().strip())


def tree_of(git: GitRepo, commit: CommitId) -> str:
    """The tree of a commit. Raises RepositoryError if Git does not have it."""
    return run(git, ["rev-parse", "--verify", "--quiet", f"{commit}^{{tree}}"]).decode().strip()


def head(git: GitRepo) -> CommitId | None:
    """The commit of HEAD; None before the first one."""
    try:
        content = (git.git_dir / "HEAD").read_bytes()
        if _ID.fullmatch(content.strip()):
            return CommitId(content.decode().strip())
        branch = _BRANCH.fullmatch(content)
        if branch and branch[1] != b"refs/heads/.invalid":
            return _branch_tip(git, branch[1])
    except OSError:
        pass  # an unknown ref storage, which git can read
    return _ask_commit(git, "HEAD")


def commits(
    git: GitRepo,
    *,
    branches: bool = False,
    tags: bool = False,
    all_commits: bool = False,
    revs: Sequence[str] = (),
) -> list[CommitId]:
    """The requested commits, each once, with similar ones beside each other.

    `branches` and `tags` mean the commits of local branches and tags; `all_commits` everything reachable from any ref
    or HEAD, as far as a shallow clone has it. Raises UsageError for an unknown one in `revs`.
    """
    tips = [resolve(git, rev) for rev in revs]
    which = [flag for flag, wanted in (("--branches", branches), ("--tags", tags), ("--all", all_commits)) if wanted]
    if not tips and not which:
        return []
    # rev-list itself peels tags, and leaves out those of anything but commits.
    how = ["--topo-order"] if all_commits else ["--no-walk=sorted"]
    return rev_list(git, [*how, *which], tips)


def rev_list(git: GitRepo, options: Sequence[str], revs: Iterable[str], *, strict: bool = False) -> list[CommitId]:
    """The commits that `git rev-list` lists for `revs`: ids, or `^` and an id to exclude what it reaches."""
    asked = "".join(f"{rev}\n" for rev in revs).encode()
    output = run(git, ["rev-list", *options, "--stdin"], stdin=asked, strict=strict)
    return [CommitId(line) for line in output.decode().split()]


def newest_tip(git: GitRepo) -> DatedTip | None:
    """The branch, tag or other ref with the latest commit date."""
    # Annotated tags have no commit date of their own and sort last.
    form = "--format=%(committerdate:unix) %(objectname) %(refname:short)"
    output = os.fsdecode(run(git, ["for-each-ref", "--sort=-committerdate", "--count=1", form]))
    date, _, rest = output.rstrip("\n").partition(" ")
    if not date.isdigit():
        return None
    commit, _, ref = rest.partition(" ")
    return DatedTip(int(date), CommitId(commit), ref)


def former_heads(git: GitRepo) -> list[CommitId]:
    """HEAD and the HEAD before it, if any.

    Git runs some hooks before it moves HEAD, and others afterwards.
    """
    output = run(git, ["rev-list", "-g", "-n", "2", "HEAD"], ok=(0, 128))  # 128: no commit yet
    return [CommitId(line) for line in dict.fromkeys(output.decode().split())]


def last_stash(git: GitRepo) -> CommitId | None:
    """The commit of the latest `git stash`."""
    return _ask_commit(git, "refs/stash")


def is_shallow(git: GitRepo) -> bool:
    """Whether this clone lacks older history."""
    return (git.common_dir / "shallow").exists()


def ref_names(git: GitRepo) -> list[str]:
    """The short names of branches, remote branches and tags."""
    from git import Repo

    with Repo(git.git_dir) as repo:
        return [reference.name for reference in repo.references]


def _branch_tip(git: GitRepo, ref: bytes) -> CommitId | None:
    try:
        content = (git.common_dir / os.fsdecode(ref)).read_bytes().strip()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        content = _packed(git, ref)
    if not content:
        return None
    return CommitId(content.decode()) if _ID.fullmatch(content) else _ask_commit(git, "HEAD")


def _packed(git: GitRepo, ref: bytes) -> bytes:
    try:
        refs = (git.common_dir / "packed-refs").read_bytes()
    except FileNotFoundError:
        return b""
    found = re.search(rb"^([0-9a-f]{40,64}) " + re.escape(ref) + rb"$", refs, re.MULTILINE)
    return found[1] if found else b""


def _ask_commit(git: GitRepo, ref: str) -> CommitId | None:
    output = run(git, ["rev-parse", "--verify", "--quiet", ref], ok=(0, 1))
    return CommitId(output.decode().strip()) if output else None


def _unknown(git: GitRepo, rev: str, error: RepositoryError) -> UsageError:
    if rev in ("HEAD", "@") and head(git) is None:
        return UsageError(
            "there is no commit yet", why="this branch is empty", fix="commit something first: git commit"
        )
    why = error.why if error.why and "ambiguous" in error.why else "no branch, tag or commit in this clone is called so"
    from difflib import get_close_matches  # takes 3 ms, and only errors need it

    close = get_close_matches(rev, ref_names(git), n=3, cutoff=0.6)
    if close:
        fix = f"did you mean {' or '.join(close)}?"
    elif is_shallow(git):
        fix = "this clone is shallow; get all of its history: git fetch --unshallow --tags"
    else:
        fix = "list them with: git branch --all; git tag; or get new ones: git fetch --all --tags"
    return UsageError(f"unknown revision {rev!r}", why=why, fix=fix)

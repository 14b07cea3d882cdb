"""The checks of `dver model doctor` of the clone: missing commits, and tags that differ on a Git remote."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Final

from dver.core.phrasing import count, join_limited, quoted
from dver.git.commits import missing_commits
from dver.git.git_repo import GitRepo, run
from dver.git.registry.state import RegisteredArtifact
from dver.git.remotes.identity import git_remotes
from dver.git.remotes.registry_tags import local_tag_ids, remote_tag_ids
from dver.git.revisions import is_shallow
from dver.maintenance.project_checks import Finding, Level

_LISTED: Final = 5
_MANY: Final = 2000
"""Tags in files of their own, from which on reading them takes noticeable time."""


def compared_git_remote(git: GitRepo) -> str | None:
    """The Git remote that is compared: the one that `git push` uses, or `origin`, or the only one."""
    remotes = git_remotes(git)
    if remotes.push in remotes.urls:
        return remotes.push
    return "origin" if "origin" in remotes.urls else next(iter(remotes.urls), None)


def check_clone(git: GitRepo, state: Collection[RegisteredArtifact], *, offline: bool) -> Iterator[Finding]:
    """Check that the clone fetches tags, and has the commits that they name."""
    remote = compared_git_remote(git)
    if offline and is_shallow(git):
        yield Finding(Level.WARNING, "clone", "this clone is shallow, and may lack tags", "git fetch --tags")
    if remote is not None and _leaves_tags_out(git, remote):
        yield Finding(
            Level.WARNING,
            "clone",
            f"git fetch leaves out the tags of {remote}",
            f"git config --unset {quoted(f'remote.{remote}.tagOpt')}; git fetch --tags {quoted(remote)}",
        )
    loose = sum(1 for _ in (git.common_dir / "refs" / "tags").glob("**/*[@#]*"))
    if loose > _MANY:
        text = f"{loose:,} tags are files of their own, which is slow"
        yield Finding(Level.WARNING, "clone", text, "git pack-refs --all")
    events = [event for artifact in state for event in artifact.events]
    missing = missing_commits(git, [event.commit for event in events])
    for event in events:
        if event.commit in missing:
            yield Finding(
                Level.PROBLEM,
                "clone",
                f"{event.tag} names commit {event.commit}, which this clone does not have",
                f"git fetch {quoted(remote or 'REMOTE')} {event.commit}",
            )


def _leaves_tags_out(git: GitRepo, remote: str) -> bool:
    return run(git, ["config", "--get", f"remote.{remote}.tagOpt"], ok=(0, 1)).strip() == b"--no-tags"


def check_git_remote(git: GitRepo, remote: str) -> Iterator[Finding]:
    """Compare the tags of the registry with those of a Git remote. Raises RemoteError, RepositoryError."""
    ours, theirs = local_tag_ids(git), remote_tag_ids(git, remote)
    for name in sorted(name for name in ours.keys() & theirs.keys() if ours[name] != theirs[name]):
        yield Finding(
            Level.PROBLEM,
            "remote",
            f"{name} is another tag on {remote} than in this clone: one of them was moved",
            f"take the one of {remote}: git fetch --force {quoted(remote)} tag {quoted(name)}",
        )
    if missing := sorted(theirs.keys() - ours.keys()):
        text = f"{count(len(missing), 'tag')} of {remote} not in this clone: {join_limited(missing)}"
        yield Finding(Level.WARNING, "remote", text, f"git fetch --tags {quoted(remote)}")
    if unpushed := sorted(ours.keys() - theirs.keys()):
        text = f"{count(len(unpushed), 'tag')} not on {remote}: {join_limited(unpushed)}"
        yield Finding(Level.WARNING, "remote", text, f"git push {quoted(remote)} {_arguments(unpushed)}")
    if ours == theirs:
        yield Finding(Level.OK, "remote", f"{remote} has the same {count(len(ours), 'tag')}")


def _arguments(names: Iterable[str]) -> str:
    return " ".join(quoted(name) for name in list(names)[:_LISTED])

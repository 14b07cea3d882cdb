"""The Git remote and the experiments that a user names for `push`, `fetch` and `pull`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dver.core.errors import UsageError
from dver.core.phrasing import join_limited, quoted
from dver.experiments.branch_scope import baselines_elsewhere
from dver.experiments.journal import Journal
from dver.experiments.selection import find_experiments
from dver.formats.experiment import Experiment
from dver.git.git_repo import GitRepo
from dver.git.remotes.identity import git_remotes


@dataclass(frozen=True, slots=True)
class SharingRequest:
    """The experiments to share with a Git remote. Without names, those of the current branch."""

    git_remote: str
    names: tuple[str, ...] = ()
    everything: bool = False
    """All experiments, of all branches?"""


def parse_request(git: GitRepo, words: Sequence[str], *, everything: bool) -> SharingRequest:
    """The request of a command line: the first of `words` may be a Git remote, the others are experiments.

    By default the remote is the one that `git push` chooses. Raises UsageError.
    """
    remotes = git_remotes(git)
    has_remote = bool(words) and words[0] in remotes.urls
    names = tuple(words[1:] if has_remote else words)
    if names and everything:
        raise UsageError(
            f"--all and the name {names[0]!r} exclude each other",
            why="--all selects every experiment",
            fix=f"leave out one of them, such as {quoted(names[0])}",
        )
    if has_remote:
        return SharingRequest(words[0], names, everything)
    if remotes.push is None:
        listed = sorted(remotes.urls)
        raise UsageError(
            "no Git remote to share experiments with",
            why=f"there are several: {join_limited(listed)}" if listed else "this clone has no Git remote",
            fix=f"name one, such as {listed[0]}" if listed else "git remote add origin URL",
        )
    return SharingRequest(remotes.push, names, everything)


def selection(git: GitRepo, journal: Journal, request: SharingRequest) -> Callable[[Experiment], bool]:
    """Whether `request` selects an experiment. Raises UsageError for an unknown name."""
    if request.everything:
        return lambda _: True
    if request.names:
        chosen = {one.id for one in find_experiments(journal.all(), request.names, is_own=journal.is_own)}
        return lambda one: one.id in chosen
    elsewhere = baselines_elsewhere(git, {one.baseline for one in journal.all()})
    return lambda one: one.baseline not in elsewhere

"""`dver exp fetch` and `dver exp pull`: get the experiments of other clones, and their data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dver.core.display import Displayed
from dver.core.progress import SILENT, Progress
from dver.experiments.journal import Journal
from dver.experiments.sharing.request import SharingRequest, selection
from dver.experiments.sharing.tracking import PublishedJournals
from dver.formats.experiment import Experiment
from dver.git.git_repo import CommitId
from dver.remote.transfer.fetch import DownloadResult
from dver.repo import Repository
from dver.sharing.download import download
from dver.sharing.transfer_options import TransferOptions
from dver.tracking.revision_scope import targets_of_commits


@dataclass(frozen=True, slots=True, repr=False)
class ExpFetchResult(Displayed):
    """The fetched experiments and the downloads of their data."""

    git_remote: str
    new: tuple[Experiment, ...]
    """Experiments that this clone did not have."""
    changed: tuple[Experiment, ...]
    """Experiments that another clone changed, such as renamed ones."""
    removed: tuple[Experiment, ...]
    """Experiments that another clone removed."""
    data_of: tuple[Experiment, ...] = ()
    """The experiments whose data is in the store now."""
    remotes: tuple[DownloadResult, ...] = ()
    unreadable: tuple[bytes, ...] = ()
    """The paths of unreadable pointers and locks in the experiments, whose data was not downloaded."""


def exp_fetch(
    repo: Repository,
    request: SharingRequest,
    *,
    data: bool = False,
    prune: bool = False,
    remote: str | None = None,
    jobs: int | None = None,
    progress: Progress = SILENT,
) -> ExpFetchResult:
    """Fetch the records and commits of all experiments on the Git remote.

    With `data`, also downloads the data and run cache entries of those that `request` selects, from the `remote`
    instead of the default remote. With `prune`, journals that the Git remote no longer has are forgotten. Raises
    RemoteError, RepositoryError, UsageError for an unknown name.
    """
    with Journal(repo) as journal:
        before = {one.id: one for one in (*journal.all(), *journal.removed())}
        with progress.task("query Git remote", unit=""):
            PublishedJournals(repo.git, request.git_remote, journal.writer).fetch(prune=prune)
        now, removed = journal.all(), journal.removed()
        is_selected = selection(repo.git, journal, request)
        wanted = [one for one in now if data and is_selected(one)]
    got, unreadable = _download(repo, wanted, TransferOptions(remote=remote, jobs=jobs), progress)
    known = before.get
    return ExpFetchResult(
        request.git_remote,
        new=tuple(one for one in now if one.id not in before),
        changed=tuple(one for one in now if (old := known(one.id)) is not None and old.updated != one.updated),
        removed=tuple(one for one in removed if (old := known(one.id)) is not None and not old.removed),
        data_of=tuple(wanted),
        remotes=got,
        unreadable=unreadable,
    )


def _download(
    repo: Repository, experiments: Sequence[Experiment], options: TransferOptions, progress: Progress
) -> tuple[tuple[DownloadResult, ...], tuple[bytes, ...]]:
    targets, unreadable = targets_of_commits(repo, [CommitId(one.commit) for one in experiments])
    pushed = [target for target in targets if not target.tracked.pointer.only_at_source]
    return download(repo, pushed, options=options, progress=progress), tuple(unreadable)

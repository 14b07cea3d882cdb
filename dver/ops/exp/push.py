"""`dver exp push`: publish experiments on a Git remote, after their data is on a remote of dver."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

from dver.core.display import Displayed
from dver.core.errors import CorruptError
from dver.core.progress import SILENT, Progress
from dver.experiments.entries import write_entries
from dver.experiments.journal import LOCAL, PREFIX, REMOTES, Journal
from dver.experiments.sharing.compaction import expired, removed_before, write_compacted
from dver.experiments.sharing.journal_content import JournalContent, log_blobs, read_journal
from dver.experiments.sharing.publish_plan import PublishPlan, plan_publish
from dver.experiments.sharing.request import SharingRequest, selection
from dver.experiments.sharing.tracking import PublishedJournals
from dver.formats.experiment import Experiment
from dver.git.git_repo import CommitId, GitRepo
from dver.git.journal import journal_tips
from dver.git.remotes.identity import git_remotes
from dver.git.remotes.outgoing import RefUpdate, new_commits
from dver.git.remotes.ref_exchange import RefMovedError
from dver.git.remotes.refs import ids_on_remote
from dver.gitflow.push_data import all_pointer_files
from dver.gitflow.upload_data import UploadedData, UploadOptions, upload_data
from dver.remote.transfer.push import UploadResult
from dver.repo import Repository

_ATTEMPTS: Final = 10
"""How often a push begins again because another process of this clone was faster."""
_PAUSE: Final = 0.2
"""The longest time in seconds between the first two attempts."""


@dataclass(frozen=True, slots=True, repr=False)
class ExpPushResult(Displayed):
    """The published experiments and the uploads of their data."""

    git_remote: str
    dry_run: bool
    experiments: tuple[Experiment, ...] = ()
    """The experiments whose records were published, or would be in a dry run; also removed ones."""
    unfinished: tuple[Experiment, ...] = ()
    """Queued and running experiments. They can be pushed when they have ended."""
    other: tuple[Experiment, ...] = ()
    """Unpublished experiments of other branches."""
    remotes: tuple[UploadResult, ...] = ()
    unreadable: tuple[bytes, ...] = ()
    """The paths of unreadable pointers and locks in the experiments, whose data was not uploaded."""
    dropped: int = 0
    """The number of removed experiments that the published journal no longer keeps."""


@dataclass(frozen=True, slots=True)
class _Publication:
    """What to publish on top of the own journal on the remote."""

    own: JournalContent
    plan: PublishPlan
    dropped: frozenset[str]
    """Removed experiments that a compaction drops."""
    sources: tuple[JournalContent, ...]
    """The journals with the logs of the records."""
    others: tuple[CommitId, ...]
    """The last entries of the other journals on the remote."""
    known: Collection[str]
    """The ids of the experiments on the remote, whose data was uploaded before."""

    @property
    def kept(self) -> tuple[Experiment, ...]:
        """The records whose commits the published journal does not keep yet."""
        known: Collection[str] = self.own.kept
        if self.dropped:
            known = {one.commit for one in self.own.records.values() if one.id not in self.dropped} & self.own.kept
        return tuple(one for one in self.plan.records if not one.removed and one.commit not in known)


def exp_push(
    repo: Repository,
    request: SharingRequest,
    *,
    remote: str | None = None,
    jobs: int | None = None,
    dry_run: bool = False,
    progress: Progress = SILENT,
) -> ExpPushResult:
    """Publish the finished experiments of this clone that `request` selects, and all changes of published ones.

    The data and run cache entries of their commits are uploaded first, to the `remote` instead of the default remote.
    Raises MissingObjectError for data that is missing, RemoteError, RepositoryError, UsageError for an unknown name.
    """
    options = UploadOptions(git_remote=request.git_remote, remote=remote, jobs=jobs)
    with Journal(repo) as journal:
        published = PublishedJournals(repo.git, request.git_remote, journal.writer)
        is_selected = selection(repo.git, journal, request)
        for attempt in range(_ATTEMPTS):
            with progress.task("query Git remote", unit=""):
                before = published.update_own()
            found = _publication(repo, journal, published, before, request, is_selected)
            sent = UploadedData()
            if not dry_run and (found.plan.records or found.dropped):
                sent = _upload(repo.git, found, options, progress)
                try:
                    published.publish(_write(repo.git, journal, found), before=before)
                except RefMovedError:
                    if attempt + 1 == _ATTEMPTS:
                        raise
                    time.sleep(random.uniform(0, _PAUSE * 2 ** min(attempt, 4)))
                    continue
            return _result(request, found, sent, dry_run=dry_run)
    raise AssertionError("unreachable")


def _publication(
    repo: Repository,
    journal: Journal,
    published: PublishedJournals,
    before: CommitId | None,
    request: SharingRequest,
    is_selected: Callable[[Experiment], bool],
) -> _Publication:
    git, others = repo.git, published.tips()
    others.pop(published.writer, None)
    own = read_journal(git, before)
    known: dict[str, int] = {}
    for content in (own, *_readable(git, others.values())):
        for one in content.records.values():
            known[one.id] = max(one.updated, known.get(one.id, -1))
    sources = tuple(_readable(git, _source_tips(git, request).values()))
    plan = plan_publish(_latest(sources), known, is_selected)
    dropped = expired(own, journal.removed(), before=removed_before(repo.config.gc_grace))
    return _Publication(own, plan, dropped, sources, tuple(others.values()), known)


def _readable(git: GitRepo, tips: Iterable[CommitId]) -> Iterator[JournalContent]:
    """The journals of other clones, without those that only a newer version of dver can read."""
    for tip in tips:
        with suppress(CorruptError):
            yield read_journal(git, tip)


def _source_tips(git: GitRepo, request: SharingRequest) -> dict[str, CommitId]:
    """The journals with records to publish: those of this clone, and for named experiments all that it has."""
    if not request.names:
        return journal_tips(git, LOCAL)
    there = f"{REMOTES}{request.git_remote}/"
    return {ref: tip for ref, tip in journal_tips(git, PREFIX).items() if not ref.startswith(there)}


def _latest(contents: Iterable[JournalContent]) -> list[Experiment]:
    """The last record of each experiment in `contents`."""
    found: dict[str, Experiment] = {}
    for content in contents:
        for one in content.records.values():
            if one.id not in found or one.updated > found[one.id].updated:
                found[one.id] = one
    return list(found.values())


def _upload(git: GitRepo, found: _Publication, options: UploadOptions, progress: Progress) -> UploadedData:
    """Upload the data of all commits that the Git remote gets."""
    remote = options.git_remote
    assert remote is not None
    stored = replace(git, raw=True)  # Git sends stored objects, not their replacements
    there = [*ids_on_remote(stored, remote, git_remotes(git).urls[remote][0]), *found.others]
    updates = [RefUpdate("", one.commit, "", found.own.tip or "0") for one in found.kept]
    commits = dict.fromkeys(new_commits(stored, updates, there))
    commits.update(dict.fromkeys(CommitId(one.commit) for one in found.kept if one.id not in found.known))
    return upload_data(stored, all_pointer_files(stored, list(commits)), (), options=options, progress=progress)


def _write(git: GitRepo, journal: Journal, found: _Publication) -> CommitId:
    """Write the entries to publish, and return the last one."""
    tip = found.own.tip
    if found.dropped:
        tip = write_compacted(git, found.own, found.dropped, journal.removed())
    ids = [one.id for one in found.plan.records]
    logs = log_blobs(git, found.sources, ids)
    keeps = {one.id: (one.commit,) for one in found.kept}
    return write_entries(git, tip, found.plan.records, keeps=keeps, logs=logs)


def _result(request: SharingRequest, found: _Publication, sent: UploadedData, *, dry_run: bool) -> ExpPushResult:
    return ExpPushResult(
        request.git_remote,
        dry_run,
        found.plan.records,
        found.plan.unfinished,
        found.plan.other,
        sent.remotes,
        tuple(dict.fromkeys(one.file.path for one in sent.unreadable)),
        len(found.dropped),
    )

"""Methods of `project.exp` that share, rename and remove experiments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dver.api.handle import ProjectHandle, raise_worst
from dver.api.progress import ProgressCallback, progress_for

if TYPE_CHECKING:
    from dver.formats.experiment import Experiment
    from dver.ops.exp.fetch import ExpFetchResult
    from dver.ops.exp.prune import ExpPruneResult
    from dver.ops.exp.push import ExpPushResult


class SharedExperimentMethods(ProjectHandle):
    """Methods that share, rename and remove experiments."""

    __slots__ = ()

    def rename(self, old: str, new: str) -> Experiment:
        """Rename an experiment.

        Args:
            old: A name, or the first digits of an id or a commit.
            new: The new name.

        Raises:
            UsageError: No experiment is called `old`, or `new` is impossible.
            ConflictError: An experiment called `new` exists.
        """
        from dver.ops.exp.rename import exp_rename

        with self._open() as repo:
            return exp_rename(repo, old, new)

    def remove(
        self,
        *names: str,
        everything: bool = False,
        queued: bool = False,
        failed: bool = False,
        stopped: bool = False,
        restore: bool = False,
    ) -> Sequence[Experiment]:
        """Remove experiments, or restore removed ones, and return them.

        Removed experiments can be restored until a gc drops those that were removed before `gc.grace`.

        Args:
            names: Experiments, by name or the first digits of an id or a commit.
            everything: Remove all experiments of this clone.
            queued, failed, stopped: Remove the experiments of this clone with one of these statuses.
            restore: Restore the removed experiments `names` instead.

        Raises:
            UsageError: A name is unknown, or nothing was selected.
            ConflictError: A named experiment is running.
            MissingObjectError: A gc has deleted the commit of an experiment to restore.
        """
        from dver.formats.experiment import ExperimentStatus
        from dver.ops.exp.remove import exp_remove, exp_restore

        flags = {
            ExperimentStatus.QUEUED: queued,
            ExperimentStatus.FAILED: failed,
            ExperimentStatus.STOPPED: stopped,
        }
        with self._open() as repo:
            if restore:
                return exp_restore(repo, names)
            statuses = [status for status, given in flags.items() if given]
            return exp_remove(repo, names, statuses=statuses, everything=everything)

    def prune(
        self,
        *,
        keep_best: int | None = None,
        metric: str | None = None,
        lowest: bool = False,
        older_than: float | None = None,
        baseline: str | None = None,
        all_branches: bool = False,
        dry_run: bool = False,
    ) -> ExpPruneResult:
        """Remove the finished experiments of this clone that are not among the best, or that are old.

        Args:
            keep_best: The number of experiments to keep: those with the best values of `metric`.
            metric: A metric, as `KEY` or `FILE:KEY`. Experiments without it are not among the best.
            lowest: A low value is better.
            older_than: Remove only experiments that are older than this many seconds.
            baseline: Consider only experiments on top of this revision; by default those of the current branch.
            all_branches: Consider the experiments of all branches.
            dry_run: Remove nothing, and return what would be removed.

        Raises:
            UsageError: Nothing says what to keep, or the metric or the revision is unknown.
        """
        import time

        from dver.experiments.sharing.prune_plan import PruneRule
        from dver.ops.exp.prune import exp_prune

        before = None if older_than is None else time.time() - older_than
        rule = PruneRule(keep_best, metric, lowest, before)
        with self._open() as repo:
            return exp_prune(repo, rule, baseline=baseline, all_branches=all_branches, dry_run=dry_run)

    def push(
        self,
        *names: str,
        everything: bool = False,
        remote: str | None = None,
        jobs: int | None = None,
        dry_run: bool = False,
        progress: ProgressCallback | None = None,
    ) -> ExpPushResult:
        """Publish finished experiments of this clone on a Git remote, after their data is on a remote of dver.

        Args:
            names: A Git remote, by default the one that `git push` uses, and experiments; by default those of the
                current branch.
            everything: Publish the experiments of all branches.
            remote: The name of a remote of dver, instead of the default one.
            jobs: The number of parallel transfers; by default it adapts to the remote.
            dry_run: Push nothing, and return what would be pushed.
            progress: Called with the task `upload`, in bytes.

        Raises:
            RemoteError: The Git remote or the remote cannot be reached, or refuses the push.
            MissingObjectError: The store does not have some data, and the remote neither.
            UsageError: There is no Git remote, or a name is unknown.
        """
        from dver.experiments.sharing.request import parse_request
        from dver.ops.exp.push import exp_push

        with self._open() as repo:
            request = parse_request(repo.git, names, everything=everything)
            return exp_push(repo, request, remote=remote, jobs=jobs, dry_run=dry_run, progress=progress_for(progress))

    def fetch(
        self,
        *names: str,
        everything: bool = False,
        prune: bool = False,
        remote: str | None = None,
        jobs: int | None = None,
        check: bool = True,
        progress: ProgressCallback | None = None,
    ) -> ExpFetchResult:
        """Get all experiments of a Git remote: their records and commits, and the data of those that are named.

        Args:
            names: A Git remote, by default the one that `git push` uses, and experiments whose data is downloaded.
            everything: Download the data of all experiments.
            prune: Forget journals that the Git remote no longer has.
            remote: The name of a remote of dver, instead of the default one.
            jobs: The number of parallel transfers; by default it adapts to the remote.
            check: Raise an error if a remote does not have some data. The rest is downloaded in any case.
            progress: Called with the task `download`, in bytes.

        Raises:
            RemoteError: The Git remote or the remote cannot be reached.
            MissingObjectError: The remote does not have some data (with `check`).
            UsageError: There is no Git remote, or a name is unknown.
        """
        from dver.experiments.sharing.request import parse_request
        from dver.ops.exp.fetch import exp_fetch

        with self._open() as repo:
            request = parse_request(repo.git, names, everything=everything)
            result = exp_fetch(
                repo,
                request,
                data=bool(request.names) or everything,
                prune=prune,
                remote=remote,
                jobs=jobs,
                progress=progress_for(progress),
            )
        raise_worst([one.error() for one in result.remotes], check=check)
        return result

    def pull(
        self,
        *names: str,
        everything: bool = False,
        remote: str | None = None,
        jobs: int | None = None,
        check: bool = True,
        progress: ProgressCallback | None = None,
    ) -> ExpFetchResult:
        """Get all experiments of a Git remote, and the data of those that are named, or of the current branch.

        The data goes into the store. The other arguments are as in `fetch`.

        Args:
            everything: Download the data of the experiments of all branches.

        Raises:
            RemoteError: The Git remote or the remote cannot be reached.
            MissingObjectError: The remote does not have some data (with `check`).
            UsageError: There is no Git remote, or a name is unknown.
        """
        from dver.experiments.sharing.request import parse_request
        from dver.ops.exp.fetch import exp_fetch

        with self._open() as repo:
            request = parse_request(repo.git, names, everything=everything)
            result = exp_fetch(repo, request, data=True, remote=remote, jobs=jobs, progress=progress_for(progress))
        raise_worst([one.error() for one in result.remotes], check=check)
        return result

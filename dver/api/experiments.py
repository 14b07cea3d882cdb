"""The section "Run experiments" of the Python API: the groups of methods `project.exp` and `project.queue`."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dver.api.handle import ProjectHandle, StrPath, raise_worst, texts
from dver.api.progress import ProgressCallback, progress_for
from dver.api.queue import QueueMethods
from dver.api.shared_experiments import SharedExperimentMethods
from dver.core.errors import ConflictError
from dver.core.phrasing import count, join_limited

if TYPE_CHECKING:
    from pathlib import Path

    from dver.experiments.difference import ExperimentDifference
    from dver.experiments.execution import FinishedExperiment
    from dver.experiments.mlflow.import_runs import MlflowImport
    from dver.experiments.queue.enqueue import QueuedExperiments
    from dver.experiments.queue.supervisor import QueueWatcher
    from dver.experiments.sweep_execution import SweepResult
    from dver.experiments.table.table import ExperimentTable
    from dver.formats.experiment import Experiment
    from dver.ops.exp.apply import ApplyResult
    from dver.ops.exp.branch import NewBranch
    from dver.ops.exp.undo import SavedWorkspace, UndoResult
    from dver.pipelines.engine.schedule import Watcher
    from dver.pipelines.execution.output_backup import BackedUpOutput


class ExperimentMethods(ProjectHandle):
    """Methods for experiments."""

    __slots__ = ()

    def experiments(
        self,
        *,
        filter: str | None = None,
        sort: Sequence[str] = (),
        baselines: Sequence[str] = (),
        everything: bool = True,
        limit: int | None = None,
    ) -> list[dict[str, Any]]:
        """The experiments as flat dictionaries, for `pandas.DataFrame(project.experiments())`.

        The keys are `name`, `status`, `created`, `started`, `ended`, `duration`, `id`, `baseline`, `commit` and other
        fields, and all parameters, metrics and paths of data by short names such as `lr`. Times are in UTC. Missing
        values are None.

        Args:
            filter, sort, baselines, limit: As in `exp.show`.
            everything: Whether those of other branches are included.

        Raises:
            UsageError: A revision, the filter or a key is invalid.
        """
        from dver.experiments.table.columns import columns_of
        from dver.experiments.table.records import flat_records
        from dver.ops.exp.show import ExperimentScope, TableQuery, show_experiments

        query = TableQuery(filter=filter, sort=tuple(sort), limit=limit)
        with self._open() as repo:
            table = show_experiments(repo, query, ExperimentScope(everything, tuple(baselines)), context=False)
        return flat_records(table.experiments, columns_of(table.experiments))

    @property
    def exp(self) -> ExpMethods:
        """Methods that run, compare, apply and share experiments, such as `project.exp.run`."""
        return ExpMethods(self.root, self.cwd)

    @property
    def queue(self) -> QueueMethods:
        """Methods for the queue of experiments and its workers, such as `project.queue.start`."""
        return QueueMethods(self.root, self.cwd)


class ExpMethods(SharedExperimentMethods):
    """Methods that run, compare, apply and share experiments: `project.exp`."""

    __slots__ = ()

    def run(
        self,
        *targets: StrPath,
        params: Mapping[str, Any] | Sequence[str] = (),
        name: str | None = None,
        message: str = "",
        jobs: int = 1,
        force: bool = False,
        single_item: bool = False,
        downstream: bool = False,
        keep_going: bool = False,
        pull: bool = False,
        run_cache: bool = True,
        checks: bool = True,
        temp: bool = False,
        watcher: Watcher | None = None,
        on_backup: Callable[[BackedUpOutput], None] | None = None,
        check: bool = True,
        progress: ProgressCallback | None = None,
    ) -> FinishedExperiment:
        """Run stages as `repro` does, and keep the result as an experiment, however the run ends.

        Args:
            targets: Stages or outputs. By default all stages.
            params: Parameters to change: values by `[FILE:]KEY`, or texts such as `train.lr=0.1` and `+new=1`.
            name: The name of the experiment; by default two memorable words.
            message: A description.
            jobs: The number of stages that run in parallel.
            force: Also run stages that are up to date.
            single_item: Run only the targets, without their upstream stages.
            downstream: Run the targets and all their downstream stages.
            keep_going: After a failure, run all stages that do not depend on it.
            pull: Download missing data and cached runs from remotes.
            run_cache: Use and update the run cache.
            checks: Check the data of outputs before they are recorded.
            temp: Run in a working tree of its own. The workspace stays as it is.
            watcher: Gets states and output of stages while they run.
            on_backup: Called for each output that no stage made and that is moved to a backup.
            check: Raise the error of a failed experiment. Without it, see `error` of the result.

        Raises:
            StageError: A stage failed (with `check`). The experiment is recorded.
            ConflictError: The name exists, or an experiment runs in this workspace.
            UsageError: A target or parameter is unknown, or there is no commit yet.
        """
        from dver.experiments.overrides.parse import override_texts
        from dver.ops.exp.run import ExperimentOptions, run
        from dver.pipelines.execution.repro import ReproOptions

        repro = ReproOptions(texts(targets), single_item, downstream, force, keep_going, run_cache, pull, jobs, checks)
        with self._open() as repo:
            finished = run(
                repo,
                ExperimentOptions(name, message, override_texts(params), repro),
                cwd=self.cwd,
                temp=temp,
                watcher=watcher,
                on_backup=on_backup or (lambda _: None),
                progress=progress_for(progress),
            )
        raise_worst([finished.error], check=check)
        return finished

    def queue(
        self,
        *targets: StrPath,
        params: Mapping[str, Any] | Sequence[str] = (),
        name: str | None = None,
        message: str = "",
        jobs: int = 1,
        force: bool = False,
        single_item: bool = False,
        downstream: bool = False,
        keep_going: bool = False,
        pull: bool = False,
        run_cache: bool = True,
        checks: bool = True,
        progress: ProgressCallback | None = None,
    ) -> QueuedExperiments:
        """Add experiments to the queue: one for each combination of the values in `params`.

        All start from the workspace as it is now. `project.queue.start` runs them.

        Args:
            targets: Stages or outputs. By default all stages.
            params: Parameters to change: values by `[FILE:]KEY`, or texts such as `lr=0.1,0.01` with several values.
            name: The name of the experiment, with numbers if there are several; by default two memorable words.
            message: A description.
            jobs: The number of stages that run in parallel in an experiment.
            force: Also run stages that are up to date.
            single_item: Run only the targets, without their upstream stages.
            downstream: Run the targets and all their downstream stages.
            keep_going: After a failure, run all stages that do not depend on it.
            pull: Download missing data and cached runs from remotes.
            run_cache: Use and update the run cache.
            checks: Check the data of outputs before they are recorded.

        Raises:
            ConflictError: The name exists.
            UsageError: A parameter is unknown, or there is no commit yet.
        """
        from dver.experiments.overrides.parse import override_texts
        from dver.ops.exp.enqueue import enqueue
        from dver.ops.exp.run import ExperimentOptions
        from dver.pipelines.execution.repro import ReproOptions

        repro = ReproOptions(texts(targets), single_item, downstream, force, keep_going, run_cache, pull, jobs, checks)
        options = ExperimentOptions(name, message, override_texts(params), repro)
        with self._open() as repo:
            return enqueue(repo, options, cwd=self.cwd, progress=progress_for(progress))

    def sweep(
        self,
        name: str,
        *targets: StrPath,
        params: Mapping[str, Any] | Sequence[str] = (),
        message: str = "",
        trials: int | None = None,
        minimize: str | None = None,
        maximize: str | None = None,
        method: str | None = None,
        jobs: int = 1,
        watcher: QueueWatcher | None = None,
        check: bool = True,
        progress: ProgressCallback | None = None,
    ) -> SweepResult:
        """Run the trials of a sweep of `dver.yaml` that are missing, each in a working tree of its own.

        Trials that exist for this commit count, so a sweep that was interrupted goes on.

        Args:
            name: The name of the sweep.
            targets: Stages or outputs. By default those of the sweep.
            params: Other parameters to change in every trial.
            message: A description of each trial.
            trials: The number of trials that the sweep has at the end.
            minimize: The metric to make small, as `PATH:KEY`.
            maximize: The metric to make large, as `PATH:KEY`.
            method: `grid`, `random`, `tpe` or `cmaes`.
            jobs: The number of trials that run in parallel.
            watcher: Gets what the workers do.
            check: Raise an error if all trials failed or a worker cannot go on.

        Raises:
            UsageError: There is no such sweep, or options do not fit it.
            RepositoryError: An extra is not installed.
            StageError: All trials failed (with `check`).
        """
        from dver.experiments.overrides.parse import override_texts
        from dver.experiments.queue.supervisor import SilentWatcher
        from dver.ops.exp.sweep import SweepOptions, sweep
        from dver.pipelines.definition.sweep import SweepMethod, sweep_metric
        from dver.pipelines.execution.repro import ReproOptions

        options = SweepOptions(
            name,
            override_texts(params),
            message,
            trials,
            SweepMethod(method) if method else None,
            sweep_metric(minimize, maximize),
            ReproOptions(texts(targets)),
        )
        with self._open() as repo:
            result = sweep(
                repo, options, watcher or SilentWatcher(), jobs=jobs, cwd=self.cwd, progress=progress_for(progress)
            )
        raise_worst([result.error()], check=check)
        return result

    def save(
        self,
        *,
        name: str | None = None,
        message: str = "",
        force: bool = False,
        progress: ProgressCallback | None = None,
    ) -> FinishedExperiment:
        """Keep the workspace as an experiment, without a run.

        Args:
            name: The name of the experiment; by default two memorable words.
            message: A description.
            force: Replace an experiment of this name.

        Raises:
            ConflictError: The name exists.
            UsageError: There is no commit yet.
        """
        from dver.ops.exp.save import save

        with self._open() as repo:
            return save(repo, name=name, message=message, force=force, progress=progress_for(progress))

    def show(
        self,
        *,
        filter: str | None = None,
        sort: Sequence[str] = (),
        baselines: Sequence[str] = (),
        everything: bool = False,
        limit: int | None = None,
        only_changed: bool = False,
        all_params: bool = False,
    ) -> ExperimentTable:
        """The table of experiments, their baselines and the workspace. Notebooks show it.

        By default of the experiments that start from commits of this branch, and of those whose commit is on no branch
        any more.

        Args:
            filter: Only experiments that match, such as `auc > 0.9 and lr < 0.1`.
            sort: Metrics, parameters or fields; a leading `-` is descending.
            baselines: Only the experiments of these revisions.
            everything: Also those of other branches.
            limit: The most experiments to return.
            only_changed: Omit metrics with the same value everywhere.
            all_params: Also show parameters with the same value everywhere.

        Raises:
            UsageError: A revision, the filter or a key is invalid.
        """
        from dver.ops.exp.show import ExperimentScope, TableQuery, show_experiments

        query = TableQuery(
            filter=filter, sort=tuple(sort), limit=limit, only_changed=only_changed, all_params=all_params
        )
        with self._open() as repo:
            return show_experiments(repo, query, ExperimentScope(everything, tuple(baselines)))

    def write_page(self, table: ExperimentTable, html: StrPath | None = None, *, pcp: bool = False) -> Path:
        """Write a table to a page that needs no network, with filters and parallel coordinates. Returns the file.

        Args:
            table: The result of `show`.
            html: A file; by default one in Git's directory.
            pcp: Whether the parallel coordinates are open when the page is.

        Raises:
            ConflictError: Another file would be overwritten.
        """
        from dver.ops.exp.page import write_experiments_page

        with self._open() as repo:
            to = None if html is None else self.cwd / html
            return write_experiments_page(repo, table, to, parallel_coordinates=pcp)

    def diff(
        self,
        old: str = "HEAD",
        new: str = "workspace",
        *,
        patch: bool = False,
        progress: ProgressCallback | None = None,
    ) -> ExperimentDifference:
        """Compare two experiments: metrics, parameters, code and data.

        Args:
            old, new: Experiments, revisions, or `workspace`.
            patch: Also make the output of `git diff` for the code.

        Raises:
            UsageError: There is no such experiment or revision.
        """
        from dver.ops.exp.diff import diff_experiments

        with self._open() as repo:
            return diff_experiments(repo, old, new, patch=patch, progress=progress_for(progress))

    def list(self, *, removed: bool = False) -> Sequence[Experiment]:
        """The experiments of this clone, and those that it fetched, by their time of creation.

        Args:
            removed: The removed experiments instead.
        """
        from dver.ops.exp.list_experiments import list_experiments

        with self._open() as repo:
            return list_experiments(repo, removed=removed)

    def import_mlflow(
        self, directory: StrPath, *, check: bool = True, progress: ProgressCallback | None = None
    ) -> MlflowImport:
        """Import the finished runs of a file store of MLflow, each once.

        Parameters, tags, metrics and their steps are copied; artifacts are not.

        Args:
            directory: The directory `mlruns`.
            check: Raise an error for damaged runs, after the import of the others. Without it, see `damaged`.

        Raises:
            UsageError: The directory is not a file store, or there is no commit yet.
            CorruptError: A run is damaged (with `check`).
        """
        from dver.ops.exp.import_mlflow import import_mlflow

        with self._open() as repo:
            found = import_mlflow(repo, self.cwd / directory, progress=progress_for(progress))
        raise_worst([found.error], check=check)
        return found

    def apply(
        self, name: str, *, keep_untracked: bool = False, check: bool = True, progress: ProgressCallback | None = None
    ) -> ApplyResult:
        """Make the workspace an experiment, and stage its files. The workspace of before is saved for `undo` first.

        Args:
            name: The experiment: its name, or the first digits of its id or commit.
            keep_untracked: Keep files that Git does not track and that the experiment does not have.
            check: Raise an error if files were edited in the meantime, and stay.

        Raises:
            UsageError: There is no such experiment.
            ConflictError: Git's index is in conflict, a nested repository is in the way, or an experiment runs in this
                workspace; then nothing has changed. Files stayed (with `check`).
            MissingObjectError: Data cannot be downloaded; nothing has changed.
        """
        from dver.ops.exp.apply import apply

        with self._open() as repo:
            result = apply(repo, name, keep_untracked=keep_untracked, progress=progress_for(progress))
        raise_worst([result.data.error(), _kept_error(result.kept)], check=check)
        return result

    def undo(
        self,
        number: int | None = None,
        *,
        redo: bool = False,
        force: bool = False,
        check: bool = True,
        progress: ProgressCallback | None = None,
    ) -> UndoResult:
        """Bring the workspace of before the last `apply` back, byte for byte, with Git's index.

        The present workspace is saved first. Each further undo goes back by one more apply.

        Args:
            number: Bring this saved workspace back; see `list_undo`.
            redo: Undo the last undo.
            force: Bring it back although HEAD has moved.
            check: Raise an error if files were edited in the meantime, and stay.

        Raises:
            UsageError: There is nothing to undo, or no such saved workspace.
            ConflictError: HEAD has moved, Git's index is in conflict, or an experiment runs in this workspace; then
                nothing has changed. Files stayed (with `check`).
        """
        from dver.ops.exp.undo import undo

        with self._open() as repo:
            result = undo(repo, number, redo=redo, force=force, progress=progress_for(progress))
        raise_worst([result.data.error(), _kept_error(result.kept)], check=check)
        return result

    def list_undo(self) -> Sequence[SavedWorkspace]:
        """The saved workspaces that `undo` can bring back, oldest first."""
        from dver.ops.exp.undo import list_saved

        with self._open() as repo:
            return list_saved(repo)

    def drop_undo(self, number: int) -> None:
        """Delete the saved workspace `number` for good.

        Raises:
            UsageError: There is no such saved workspace.
        """
        from dver.ops.exp.undo import drop

        with self._open() as repo:
            drop(repo, number)

    def branch(self, name: str, branch: str | None = None) -> NewBranch:
        """Make a Git branch of an experiment. The workspace stays as it is, and nothing is pushed.

        Args:
            name: The experiment: its name, or the first digits of its id or commit.
            branch: The name of the branch; by default that of the experiment.

        Raises:
            UsageError: There is no such experiment, or Git allows no branch of this name.
            ConflictError: The branch exists.
        """
        from dver.ops.exp.branch import branch as make_branch

        with self._open() as repo:
            return make_branch(repo, name, branch)


def _kept_error(kept: Sequence[bytes]) -> ConflictError | None:
    if not kept:
        return None
    return ConflictError(
        f"kept {count(len(kept), 'file')}: {join_limited([os.fsdecode(path) for path in kept])}",
        why="they changed in the meantime",
        fix="run the same command again",
    )

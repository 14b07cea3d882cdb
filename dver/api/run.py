"""The section "Run pipelines" of the Python API, and its group of methods for stages."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from dver.api.handle import ProjectHandle, StrPath, raise_worst, text_of, texts
from dver.api.progress import ProgressCallback, progress_for
from dver.core.errors import ConflictError, DverError, StageError
from dver.core.phrasing import join_limited, quoted

if TYPE_CHECKING:
    from dver.ops.run.commit import CommitResult
    from dver.ops.run.stage import AddedStage, RemovedStages
    from dver.ops.run.verify import VerifyResult
    from dver.pipelines.definition.stage import Stage
    from dver.pipelines.engine.dag_view import Diagram
    from dver.pipelines.engine.graph import Address
    from dver.pipelines.engine.reasons import Reason
    from dver.pipelines.engine.schedule import Watcher
    from dver.pipelines.execution.output_backup import BackedUpOutput
    from dver.pipelines.execution.repro import ReproPlan, ReproResult
    from dver.pipelines.execution.run_logs import RunLog
    from dver.pipelines.lineage import Lineage


class RunMethods(ProjectHandle):
    """Methods that run stages and explain their outputs."""

    __slots__ = ()

    @property
    def stage(self) -> StageMethods:
        """Methods that add, list and remove stages, such as `project.stage.add`."""
        return StageMethods(self.root, self.cwd)

    def repro(
        self,
        *targets: StrPath,
        jobs: int = 1,
        force: bool = False,
        single_item: bool = False,
        downstream: bool = False,
        keep_going: bool = False,
        pull: bool = False,
        run_cache: bool = True,
        checks: bool = True,
        confirm: Callable[[Address], bool] | None = None,
        watcher: Watcher | None = None,
        on_backup: Callable[[BackedUpOutput], None] | None = None,
        check: bool = True,
        progress: ProgressCallback | None = None,
    ) -> ReproResult:
        """Run stages that are out of date. Their output goes to logs, and to `watcher`. See also `plan_repro`.

        Args:
            targets: Stages or outputs. By default all stages.
            jobs: The number of stages that run in parallel.
            force: Also run stages that are up to date.
            single_item: Run only the targets, without their upstream stages.
            downstream: Run the targets and all their downstream stages.
            keep_going: After a failure, run all stages that do not depend on it.
            pull: Download missing data and cached runs from remotes.
            run_cache: Use and update the run cache.
            checks: Check the data of outputs before they are recorded.
            confirm: Called before each stage; False skips it.
            watcher: Gets states and output of stages while they run.
            on_backup: Called for each output that no stage made and that is moved to a backup.
            check: Raise the error of the last stage that failed. Without it, see `errors` of the result.

        Raises:
            StageError: A stage failed (with `check`).
            PipelineError: `dver.yaml` is invalid.
            UsageError: A target is unknown.
        """
        from dver.pipelines.execution.repro import ReproOptions, repro

        options = ReproOptions(
            texts(targets),
            single_item,
            downstream,
            force,
            keep_going,
            run_cache,
            pull,
            1 if confirm else jobs,
            checks,
        )
        with self._open() as repo:
            result = repro(
                repo,
                options,
                cwd=self.cwd,
                watcher=watcher,
                confirm=confirm,
                on_backup=on_backup or (lambda _: None),
                progress=progress_for(progress),
            )
        raise_worst([_run_error(result)], check=check)
        return result

    def plan_repro(
        self,
        *targets: StrPath,
        force: bool = False,
        single_item: bool = False,
        downstream: bool = False,
        pull: bool = False,
        run_cache: bool = True,
        progress: ProgressCallback | None = None,
    ) -> ReproPlan:
        """The stages that `repro` would run, and why. Changes nothing. Arguments and errors as in `repro`."""
        from dver.pipelines.execution.repro import ReproOptions, plan_repro

        options = ReproOptions(texts(targets), single_item, downstream, force, use_cache=run_cache, pull=pull)
        with self._open() as repo:
            return plan_repro(repo, options, cwd=self.cwd, progress=progress_for(progress))

    def dag(self, *targets: StrPath, outs: bool = False, full: bool = False) -> Diagram:
        """The graph of stages: labels, and edges as pairs of positions in the labels.

        Args:
            targets: Stages or outputs, with all their upstream stages. By default all stages.
            outs: The graph of outputs instead of stages.
            full: A node for each stage of a foreach or matrix.
        """
        from dver.ops.run.dag import dag

        with self._open() as repo:
            return dag(repo, texts(targets), cwd=self.cwd, outs=outs, full=full)

    def logs(self, stage: str, *, run: int = 1) -> RunLog:
        """The output of a stage's run. `pieces(follow=True)` of the result waits for new output until the run ends.

        Args:
            stage: The name of one stage.
            run: 1 is the last run, 2 the one before it.

        Raises:
            UsageError: The stage is unknown, or the run has no log.
        """
        from dver.ops.run.logs import find_log

        with self._open() as repo:
            return find_log(repo, stage, cwd=self.cwd, run=run)

    def commit(
        self,
        *targets: StrPath,
        force: bool = False,
        checks: bool = True,
        confirm: Callable[[Address, tuple[Reason, ...]], bool] | None = None,
        check: bool = True,
        progress: ProgressCallback | None = None,
    ) -> CommitResult:
        """Record current outputs in `dver.lock` without running stages.

        Args:
            targets: Stages or outputs. By default all stages.
            force: Record stages even if more than their outputs changed.
            checks: Check the data of outputs before they are recorded.
            confirm: Decides that for each stage instead, with the reasons why it is out of date.
            check: Raise an error if a stage was not recorded for that reason. The others are recorded in any case.

        Raises:
            ConflictError: The inputs of a stage changed since its last run (with `check`).
            StageError: Outputs of a target are missing.
            PipelineError: `dver.yaml` is invalid.
        """
        from dver.ops.run.commit import commit

        with self._open() as repo:
            result = commit(
                repo,
                texts(targets),
                cwd=self.cwd,
                confirm=confirm or (lambda *_: force),
                force=force,
                checks=checks,
                progress=progress_for(progress),
            )
        raise_worst([_not_recorded(result) if confirm is None else None], check=check)
        return result

    def freeze(self, *stages: str) -> tuple[Address, ...]:
        """Freeze `stages` so that repro skips them. Returns those that were not frozen before."""
        return self._freeze(stages, frozen=True)

    def unfreeze(self, *stages: str) -> tuple[Address, ...]:
        """Unfreeze `stages` so that repro runs them again. Returns those that were frozen before."""
        return self._freeze(stages, frozen=False)

    def _freeze(self, names: Sequence[str], *, frozen: bool) -> tuple[Address, ...]:
        from dver.ops.run import stage as stage_ops

        with self._open() as repo:
            return stage_ops.freeze(repo, names, cwd=self.cwd, frozen=frozen)

    def lineage(self, path: StrPath, *, rev: str | None = None) -> Lineage:
        """How an output was produced: every upstream stage with its command, inputs, parameters and machine.

        Args:
            path: An output of a stage, or a path inside one.
            rev: Use the `dver.lock` of this revision.

        Raises:
            UsageError: No stage made the path.
        """
        from dver.ops.run.lineage import lineage

        with self._open() as repo:
            return lineage(repo, text_of(path), cwd=self.cwd, rev=rev)

    def verify(
        self, stage: str, *, watcher: Watcher | None = None, progress: ProgressCallback | None = None
    ) -> VerifyResult:
        """Re-run a stage of HEAD in a clean worktree and compare its outputs. See `is_reproduced` of the result.

        Args:
            stage: The name of one stage.
            watcher: Gets its output while it runs.

        Raises:
            StageError: The stage cannot run, or fails.
            UsageError: The name is not that of one stage.
        """
        from dver.ops.run.verify import verify

        with self._open() as repo:
            return verify(repo, stage, cwd=self.cwd, watcher=watcher, progress=progress_for(progress))


class StageMethods(ProjectHandle):
    """Methods that add, list and remove stages: `project.stage`."""

    __slots__ = ()

    def add(
        self,
        name: str,
        cmd: str | Sequence[str],
        *,
        deps: Sequence[StrPath] = (),
        params: Sequence[str] = (),
        outs: Sequence[StrPath] = (),
        outs_no_cache: Sequence[StrPath] = (),
        outs_persist: Sequence[StrPath] = (),
        outs_persist_no_cache: Sequence[StrPath] = (),
        metrics: Sequence[StrPath] = (),
        metrics_no_cache: Sequence[StrPath] = (),
        plots: Sequence[StrPath] = (),
        plots_no_cache: Sequence[StrPath] = (),
        wdir: StrPath | None = None,
        env: Sequence[str] = (),
        resources: Sequence[str] = (),
        retry: int = 0,
        timeout: str | None = None,
        always_changed: bool = False,
        desc: str | None = None,
        force: bool = False,
    ) -> AddedStage:
        """Add a stage to `dver.yaml` in the project's current directory. Runs nothing.

        Args:
            name: The name of the stage.
            cmd: A command for the shell, or a program with its arguments.
            deps: Files, directories or patterns that the command reads.
            params: `KEY,KEY` of params.yaml, `FILE:KEY,KEY`, or `FILE:` for a whole file.
            outs: Files or directories that the command writes.
            outs_no_cache: Outputs that Git tracks.
            outs_persist, outs_persist_no_cache: Outputs that stay for the next run.
            metrics, metrics_no_cache: Outputs that are metrics.
            plots, plots_no_cache: Outputs that are plots: images or data files.
            wdir: Run in this directory; all paths are relative to it.
            env: Environment variables as dependencies: `NAME` or `NAME=VALUE`.
            resources: `cpus=2`, `gpus=1` or `memory=8GB`.
            retry: The number of retries of a failed command.
            timeout: The limit of each attempt, such as `90s` or `1h30m`.
            always_changed: Run the stage on every repro.
            desc: A description.
            force: Replace an existing stage.

        Raises:
            PipelineError: `dver.yaml` would be invalid, or an output is tracked data.
            UsageError: An argument is invalid.
        """
        from dver.ops.run import stage as stage_ops
        from dver.pipelines.definition.new_stage import NewStage, new_outputs, shell_command

        paths = {
            "outs": outs,
            "outs_no_cache": outs_no_cache,
            "outs_persist": outs_persist,
            "outs_persist_no_cache": outs_persist_no_cache,
            "metrics": metrics,
            "metrics_no_cache": metrics_no_cache,
            "plots": plots,
            "plots_no_cache": plots_no_cache,
        }
        new = NewStage(
            name=name,
            cmd=shell_command((cmd,) if isinstance(cmd, str) else cmd),
            wdir=None if wdir is None else text_of(wdir),
            deps=texts(deps),
            params=tuple(params),
            outs=new_outputs({option: texts(given) for option, given in paths.items()}),
            env=tuple(env),
            resources=tuple(resources),
            retry=retry,
            timeout=timeout,
            always_changed=always_changed,
            desc=desc,
        )
        with self._open() as repo:
            return stage_ops.add(repo, new, cwd=self.cwd, force=force)

    def list(self, *targets: StrPath) -> Mapping[Address, Stage]:
        """The stages that `targets` select, by default all, in the order of the files. `str(address)` is the name."""
        from dver.ops.run import stage as stage_ops

        with self._open() as repo:
            return stage_ops.list_stages(repo, texts(targets), cwd=self.cwd)

    def remove(self, *names: str) -> RemovedStages:
        """Remove the stages `names` from `dver.yaml` and `dver.lock`. Their outputs stay in the workspace, untracked.

        Raises:
            UsageError: A stage is unknown, or part of a foreach or matrix.
        """
        from dver.ops.run import stage as stage_ops

        with self._open() as repo:
            return stage_ops.remove(repo, names, cwd=self.cwd)


def _run_error(result: ReproResult) -> DverError | None:
    if result.errors:
        return list(result.errors.values())[-1]
    return None if result.succeeded else StageError("some stages did not run")


def _not_recorded(result: CommitResult) -> DverError | None:
    if not result.refused:
        return None
    names = [str(one) for one in result.refused]
    targets = " ".join(map(quoted, names))
    return ConflictError(
        f"not recorded: {join_limited(names)}",
        why="their dependencies changed after the last run",
        fix=f"dver repro {targets}, or `dver commit -f {targets}` if it makes no difference",
    )

"""`dver verify`: re-run a stage in a clean worktree and compare its outputs."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from dver.core.display import Displayed
from dver.core.errors import PipelineError, StageError, UsageError
from dver.core.phrasing import quoted
from dver.core.progress import SILENT, Progress
from dver.formats import lock
from dver.formats.lock import LockedItem
from dver.formats.pack import ObjectKind
from dver.git import revisions
from dver.git.worktrees import scratch_worktree
from dver.pipelines.compare.values import MetricDifference, exceeding, read_metrics
from dver.pipelines.definition.stage import Output, OutputRole, Stage
from dver.pipelines.engine.graph import Address, Graph, worktree_path
from dver.pipelines.engine.job import Job, JobEnd
from dver.pipelines.engine.local_runner import LocalRunner
from dver.pipelines.engine.reasons import OutputChanged, OutputMissing
from dver.pipelines.engine.resources import Capacity
from dver.pipelines.engine.schedule import ScheduledStage, Watcher, run_stages
from dver.pipelines.engine.watchers import RunReport
from dver.pipelines.execution.outputs import clear_outputs
from dver.pipelines.workspace.evaluation import Evaluator
from dver.pipelines.workspace.external_deps import ExternalFingerprints
from dver.pipelines.workspace.locks import LockFiles
from dver.pipelines.workspace.pipelines import load_pipelines, select_stage
from dver.pipelines.workspace.stage_files import make_job
from dver.repo import Repository
from dver.workspace.checkout.restore import CheckoutTarget, restore


class VerifyOutcome(Enum):
    """The comparison of an output of the second run with the first."""

    IDENTICAL = "identical"
    WITHIN = "within tolerance"
    DIFFERENT = "different"
    ALLOWED = "different, as `deterministic: false` allows"
    MISSING = "not made"


@dataclass(frozen=True, slots=True, repr=False)
class VerifiedOutput(Displayed):
    """The comparison of one output."""

    path: str
    outcome: VerifyOutcome
    differences: tuple[MetricDifference, ...] = ()
    """The metrics that differ, by key."""


@dataclass(frozen=True, slots=True, repr=False)
class VerifyResult(Displayed):
    """The comparison of all outputs of a stage."""

    address: Address
    outputs: tuple[VerifiedOutput, ...]

    @property
    def is_reproduced(self) -> bool:
        """Whether all outputs are as the stage promises."""
        return not any(one.outcome in (VerifyOutcome.DIFFERENT, VerifyOutcome.MISSING) for one in self.outputs)


def verify(
    repo: Repository, target: str, *, cwd: Path, watcher: Watcher | None = None, progress: Progress = SILENT
) -> VerifyResult:
    """Re-run the stage `target` of HEAD in a new worktree, on the inputs in `dver.lock`.

    Raises UsageError unless `target` is one stage, StageError if it cannot run or fails.
    """
    commit = revisions.head(repo.git)
    if commit is None:
        raise UsageError("no commit exists yet", fix="commit dver.yaml and dver.lock first")
    inside = os.path.relpath(cwd, os.fsdecode(repo.layout.top))
    with scratch_worktree(repo.git, repo.layout.worktree_dir / "verify", commit) as git:
        root = Path(git.worktree, os.fsdecode(repo.layout.prefix))
        with Repository(root, git) as scratch:
            pipelines = load_pipelines(scratch)
            address = select_stage(scratch, pipelines, target, Path(git.worktree, inside))
            return _Rerun(scratch, pipelines.graph, address, watcher, progress).run()


class _Rerun:
    """A second run of a stage, in a worktree of its own."""

    def __init__(
        self, repo: Repository, graph: Graph, address: Address, watcher: Watcher | None, progress: Progress
    ) -> None:
        self._repo = repo
        self._graph = graph
        self._address = address
        self._name = str(address)
        self._stage = graph.stages[address]
        self._locks = LockFiles(repo)
        self._watcher = watcher
        self._progress = progress

    def run(self) -> VerifyResult:
        last = self._locks.of(self._address)
        if last is None:
            raise StageError(
                f"stage {self._name!r} has no entry in the dver.lock of HEAD",
                fix=f"dver repro {quoted(self._name)}, and commit dver.lock",
            )
        self._restore_inputs(last)
        self._refuse_other_inputs()
        before = {item.path: item for item in last.outs}
        metrics = {out.path: self._metrics(out, before.get(out.path)) for out in self._stage.outs}
        self._run_stage()
        made = self._evaluator().outs(self._address)
        compared = (
            self._compare(out, before.get(out.path), made[out.path], metrics[out.path]) for out in self._stage.outs
        )
        return VerifyResult(self._address, tuple(compared))

    def _restore_inputs(self, last: lock.LockedStage) -> None:
        """Restore the inputs that Git does not have."""
        items = {(self._address.folder, item.path): item for item in last.deps}
        for other in self._graph.upstream[self._address]:
            before = self._locks.of(other)
            items.update({(other.folder, item.path): item for item in before.outs} if before is not None else {})
        targets = {}
        for (folder, path), item in items.items():
            place = os.fsencode(os.path.normpath(os.path.join(folder, path)))
            if not self._repo.layout.exists(place) and self._repo.store.present([item.oid]):
                targets[place] = CheckoutTarget(place, item.entry)
        # A restored directory brings all paths inside of it.
        outer = [one for place, one in targets.items() if not any(place.startswith(other + b"/") for other in targets)]
        with self._repo.exclusive():
            restore(self._repo, outer, progress=self._progress)

    def _refuse_other_inputs(self) -> None:
        outputs_only = (OutputChanged, OutputMissing)  # the worktree is new: most outputs are not in it
        if not all(isinstance(one, outputs_only) for one in self._evaluator().evaluate(self._address).reasons):
            raise StageError(
                f"stage {self._name!r} is out of date in HEAD",
                why="its definition or an input differs from dver.lock, or an input is missing here",
                fix="run `dver repro` and commit its changes, or download missing inputs: dver pull",
            )

    def _evaluator(self) -> Evaluator:
        return Evaluator(self._repo, self._graph, self._progress, external=ExternalFingerprints(self._repo))

    def _run_stage(self) -> None:
        report = RunReport(self._watcher)
        runner = LocalRunner(self._repo.layout.worktree_dir / "stages")
        task = ScheduledStage(self._address, retry=self._stage.retry)
        run_stages([task], _RerunExecutor(self._repo, self._stage), runner, report, capacity=Capacity())
        for error in report.errors.values():
            raise StageError(
                f"stage {self._name!r} failed in the second run",
                why=error.why,
                fix="add all inputs to `deps`: the worktree has only these and the files in Git",
            ) from error

    def _metrics(self, out: Output, item: LockedItem | None) -> bytes | None:
        """The metrics of the first run, from the Git checkout or the store."""
        if out.role is not OutputRole.METRICS:
            return None
        with suppress(FileNotFoundError, IsADirectoryError):
            return self._file(out).read_bytes()
        if item is None or item.kind is not ObjectKind.BLOB or not self._repo.store.present([item.oid]):
            return None
        return self._repo.store.read(item.oid)

    def _compare(
        self, out: Output, old: LockedItem | None, new: LockedItem | None, metrics: bytes | None
    ) -> VerifiedOutput:
        if new is None:
            return VerifiedOutput(out.path, VerifyOutcome.MISSING)
        if old is not None and (old.oid, old.kind) == (new.oid, new.kind):
            return VerifiedOutput(out.path, VerifyOutcome.IDENTICAL)
        if metrics is None:
            is_allowed = not self._stage.deterministic
            return VerifiedOutput(out.path, VerifyOutcome.ALLOWED if is_allowed else VerifyOutcome.DIFFERENT)
        try:
            numbers = read_metrics(self._file(out).read_bytes(), out.path)
            found = exceeding(read_metrics(metrics, out.path), numbers, self._stage.tolerance)
        except PipelineError:
            return VerifiedOutput(out.path, VerifyOutcome.DIFFERENT)
        return VerifiedOutput(out.path, VerifyOutcome.DIFFERENT if found else VerifyOutcome.WITHIN, found)

    def _file(self, out: Output) -> Path:
        return self._repo.git.worktree / worktree_path(self._address.folder, out.path, out.mark)


@dataclass(frozen=True, slots=True)
class _RerunExecutor:
    """A `StageExecutor` that always runs its stage and records nothing."""

    repo: Repository
    stage: Stage

    def check(self, address: Address) -> None:
        """The stage always runs."""

    def begin(self, address: Address) -> Job:
        return self.retry(address)

    def retry(self, address: Address) -> Job:
        clear_outputs(self.repo, address, self.stage.outs)
        return make_job(self.repo, address, self.stage)

    def record(self, address: Address, ended: JobEnd) -> None:
        """Outputs are compared, not recorded."""

    def finish(self, address: Address) -> None:
        """Nothing is held for the stage."""

"""`dver retrain`: new data, an experiment, a version, the rule, and the promotion. Each step is done once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from dver.ci.hosts.job import CiJob
from dver.core.errors import ConflictError, RepositoryError
from dver.core.phrasing import quoted
from dver.core.progress import SILENT, Progress
from dver.experiments.journal import Journal
from dver.experiments.selection import find_experiment
from dver.formats.experiment import Experiment
from dver.git.git_repo import CommitId
from dver.git.registry.references import read_artifact
from dver.git.registry.state import RegisteredArtifact
from dver.git.revisions import head
from dver.gitflow.registry_changes import ChangeOptions, default_git_remote
from dver.models.registration_plan import AlreadyRegisteredError
from dver.models.stage_plan import earlier_version
from dver.models.version_choice import NEXT
from dver.ops.exp.run import ExperimentOptions, run
from dver.ops.model.assign import assign
from dver.ops.model.register import RegistrationSource, register
from dver.pipelines.engine.schedule import Watcher
from dver.pipelines.execution.repro import ReproOptions
from dver.repo import Repository
from dver.retraining.alarm import why_not_asked
from dver.retraining.decision import Decision, decide
from dver.retraining.definitions import FoundRetraining, find_retraining
from dver.retraining.new_data import bring_new_data, ignore_collected
from dver.retraining.proposal import ProposedVersion, branch_of, job_for_pull_requests, propose
from dver.retraining.record import RetrainingRecord, delete_record, read_record, write_record
from dver.retraining.result import RetrainingOptions, RetrainingOutcome, RetrainingResult, RetrainingStep

StepListener = Callable[[RetrainingStep, RetrainingRecord], None]
"""Called after each step, with what is finished."""


def retrain(
    repo: Repository,
    artifact: str | None,
    options: RetrainingOptions,
    *,
    watcher: Watcher | None = None,
    on_step: StepListener = lambda *_: None,
    progress: Progress = SILENT,
) -> RetrainingResult:
    """Retrain `artifact` as the section `retrain` of its dver.yaml says, or continue an unfinished retraining.

    Raises UsageError if no dver.yaml says how, the errors of `add` for data that fails critical checks, StageError if
    training fails, and those of the registry. What was finished before an error or Ctrl-C is not done again.
    """
    found = find_retraining(repo, artifact)
    job = job_for_pull_requests() if options.pull_request else None
    if options.push or options.pull_request:
        default_git_remote(repo.git, options.git_remote)  # an error now, not after hours
    return _Retraining(repo, found, options, job, watcher, on_step, progress).run()


class _Retraining:
    """One retraining. `_record` has the finished steps, and is on disk before the next one begins."""

    def __init__(
        self,
        repo: Repository,
        found: FoundRetraining,
        options: RetrainingOptions,
        job: CiJob | None,
        watcher: Watcher | None,
        on_step: StepListener,
        progress: Progress,
    ) -> None:
        self._repo, self._found, self._options, self._job = repo, found, options, job
        self._watcher, self._on_step, self._progress = watcher, on_step, progress
        place = repo.layout.worktree_dir
        if options.restart:
            delete_record(place, found.artifact)
        existing = read_record(place, found.artifact)
        self._resumed = existing is not None
        self._record = existing or RetrainingRecord(found.artifact)

    def run(self) -> RetrainingResult:
        if not self._resumed:
            ended = self._begin()
            if ended is not None:
                return ended
        if self._record.experiment is None:
            self._train()
        if self._record.version is not None and not self._is_registered():
            self._record = replace(self._record, version=None)
        if self._record.version is None and not self._register():
            latest = self._registered_artifact().latest
            why = f"the trained model is that of {latest.version}" if latest is not None else None
            return self._end(RetrainingOutcome.UNCHANGED, why=why)
        if self._was_promoted():
            return self._promote()
        decision = self._decide()
        if self._job is not None:
            return self._propose(decision, self._job)
        if not decision.verdict.promote:
            return self._end(RetrainingOutcome.REJECTED, decision, why="the rule in dver.yaml does not promote it")
        return self._promote(decision)

    def _is_registered(self) -> bool:
        """Whether the tag of the recorded version still exists. Raises ConflictError for a deregistered version."""
        name, version = self._found.artifact, self._record.version
        found = next((one for one in self._registered_artifact().versions if one.version == version), None)
        if found is not None and not found.is_active:
            raise ConflictError(
                f"{name} {version} was deregistered",
                why="an unfinished retraining had registered it, and cannot promote it",
                fix=f"begin again: dver retrain {quoted(name)} --restart",
            )
        return found is not None

    def _was_promoted(self) -> bool:
        """Whether an interrupted call promoted the version: compared with itself, it could not be better."""
        current = self._registered_artifact().stages.get(self._found.definition.stage)
        return self._resumed and current is not None and current.version == self._record.version

    def _begin(self) -> RetrainingResult | None:
        """Bring the data. The result if there is nothing to do."""
        _refuse_without_commit(self._repo)
        found, options = self._found, self._options
        if options.if_alert:
            why = why_not_asked(self._repo, found.monitor, found.artifact)
            if why is not None:
                return self._end(RetrainingOutcome.NO_ALARM, why=why)
        data = bring_new_data(self._repo, found, self._progress, download=options.pull)
        if found.definition.data and not data and not options.force:
            latest = read_artifact(self._repo.git, found.artifact).latest
            why = f"the data is that of {latest.version}" if latest is not None else None
            return self._end(RetrainingOutcome.NO_NEW_DATA, why=why)
        self._finish(RetrainingStep.DATA, replace(self._record, data=data))
        return None

    def _train(self) -> None:
        ignore_collected(self._repo, self._found)
        options = ExperimentOptions(
            self._free_name(),
            f"Retrain {self._found.artifact}",
            repro=ReproOptions(self._found.targets, pull=self._options.pull, jobs=self._options.jobs),
        )
        finished = run(
            self._repo, options, cwd=self._repo.root, temp=True, watcher=self._watcher, progress=self._progress
        )
        if finished.error is not None:
            raise finished.error
        self._finish(RetrainingStep.TRAIN, replace(self._record, experiment=finished.experiment.name))

    def _register(self) -> bool:
        """Register the trained model, unless it is the latest version. False if that is in the stage already."""
        source = RegistrationSource(experiment=self._record.experiment)
        try:
            done = register(
                self._repo,
                self._found.artifact,
                NEXT,
                source,
                self._change(f"Retrained: experiment {self._record.experiment}"),
                cwd=self._repo.root,
                progress=self._progress,
            )
            version = done.registered[0].version
        except AlreadyRegisteredError:
            version = self._registered_before()
            if version is None:
                return False
        self._finish(RetrainingStep.REGISTER, replace(self._record, version=version))
        return True

    def _registered_before(self) -> str | None:
        """The version of the trained model; None if it is in the stage.

        An interrupted call registered it, or an earlier one that the rule of then did not promote.
        """
        known = self._registered_artifact()
        commit, stage = self._experiment().commit, self._found.definition.stage
        of_commit = next((one for one in known.versions if one.commit == commit and one.is_active), None)
        found = of_commit or known.latest
        return found.version if found is not None and stage not in found.stages else None

    def _decide(self) -> Decision:
        assert self._record.version is not None, "the version was registered before"
        definition = self._found.definition
        decision = decide(self._repo, self._found.artifact, self._record.version, definition.stage, definition.promote)
        self._on_step(RetrainingStep.COMPARE, self._record)
        return decision

    def _promote(self, decision: Decision | None = None) -> RetrainingResult:
        """Assign the version to the stage. After an interrupted call, this pushes the tag if it is not pushed yet."""
        artifact, stage = self._found.artifact, self._found.definition.stage
        rule = self._found.definition.promote.text
        change = self._change(f"Promoted: {rule}")
        assign(self._repo, artifact, stage, self._record.version, change, progress=self._progress)
        self._on_step(RetrainingStep.PROMOTE, self._record)
        result = self._end(RetrainingOutcome.PROMOTED, decision)
        if decision is not None:
            return result
        earlier = earlier_version(self._registered_artifact(), stage)
        return replace(result, before=earlier.version if earlier is not None else None)

    def _propose(self, decision: Decision, job: CiJob) -> RetrainingResult:
        assert self._record.version is not None, "the version was registered before"
        assert self._record.experiment is not None, "the model was trained before"
        proposed = ProposedVersion(
            self._found.artifact,
            self._record.version,
            CommitId(self._experiment().commit),
            self._found.definition.stage,
            decision.before,
            decision.verdict,
            self._record.data,
            self._record.experiment,
        )
        url = propose(self._repo, proposed, job, self._options.git_remote)
        self._on_step(RetrainingStep.PROPOSE, self._record)
        branch = branch_of(proposed.artifact, proposed.version)
        return replace(self._end(RetrainingOutcome.PROPOSED, decision), branch=branch, pull_request=url)

    def _end(
        self, outcome: RetrainingOutcome, decision: Decision | None = None, *, why: str | None = None
    ) -> RetrainingResult:
        delete_record(self._repo.layout.worktree_dir, self._found.artifact)
        return RetrainingResult(
            self._found.artifact,
            outcome,
            self._found.definition.stage,
            self._record.data,
            self._record.experiment,
            self._record.version,
            decision.before if decision is not None else None,
            decision.verdict if decision is not None else None,
            resumed=self._resumed,
            why=why,
        )

    def _finish(self, step: RetrainingStep, record: RetrainingRecord) -> None:
        self._record = record
        write_record(self._repo.layout.worktree_dir, record)
        self._on_step(step, record)

    def _change(self, message: str) -> ChangeOptions:
        push = self._options.push or self._options.pull_request
        return ChangeOptions(push, self._options.git_remote, message)

    def _registered_artifact(self) -> RegisteredArtifact:
        return read_artifact(self._repo.git, self._found.artifact)

    def _experiment(self) -> Experiment:
        assert self._record.experiment is not None, "the model was trained before"
        with Journal(self._repo) as journal:
            return find_experiment(
                journal.all(), self._record.experiment, is_own=journal.is_own, removed=journal.removed
            )

    def _free_name(self) -> str:
        """The next of the names `retrain-churn-1`, `retrain-churn-2`, …"""
        stem = f"retrain-{self._found.definition.artifact.replace('/', '-')}"
        with Journal(self._repo) as journal:
            taken = set(journal.names())
        return next(name for number in range(1, len(taken) + 2) if (name := f"{stem}-{number}") not in taken)


def _refuse_without_commit(repo: Repository) -> None:
    if head(repo.git) is None:
        raise RepositoryError(
            "nothing to retrain from", why="Git has no commit yet", fix="git add -A && git commit -m 'Begin'"
        )

"""Evaluates stages: compares their inputs and outputs in the workspace with their last runs in dver.lock.

`dver status`, `repro`, `repro --dry-run`, `commit` and `verify` decide by this evaluation.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from dver.core.errors import PipelineError
from dver.core.progress import Progress
from dver.formats import lock
from dver.formats.lock import LockedItem
from dver.formats.pack import ObjectKind
from dver.formats.tree import Entry
from dver.pipelines.definition.param_files import select_keys
from dver.pipelines.definition.stage import Output, Stage
from dver.pipelines.engine.env_variables import env_digests
from dver.pipelines.engine.graph import Address, Graph, OutputIndex, worktree_path
from dver.pipelines.engine.reasons import Always, DependencyChanged, Inputs, OutputChanged, Reason, find_reasons
from dver.pipelines.workspace.contents import WorkspaceContents
from dver.pipelines.workspace.locks import LockFiles
from dver.pipelines.workspace.stage_files import dep_paths, locked_item, out_paths
from dver.repo import Repository

if TYPE_CHECKING:  # `dver status` asks no address, and must start fast
    from dver.pipelines.workspace.external_deps import ExternalFingerprints


@dataclass(frozen=True, slots=True)
class CachedRun:
    """A cached run of the same command on the same inputs, all outputs of which can be restored."""

    outs: Mapping[str, LockedItem]
    """All its outputs, by path."""
    missing: tuple[Output, ...]
    """The outputs that differ from those in the workspace."""


@dataclass(frozen=True, slots=True)
class StageEvaluation:
    """A stage's inputs and outputs, its last run, and the reasons why it is out of date."""

    address: Address
    stage: Stage
    last_run: lock.LockedStage | None
    """Its entry in dver.lock."""
    inputs: Inputs
    outs: Mapping[str, LockedItem | None]
    """Its outputs in the workspace, by path; None for a missing one."""
    reasons: tuple[Reason, ...]
    """Why it is out of date by itself, whatever happens upstream."""
    cached_run: CachedRun | None = None

    @property
    def changes(self) -> tuple[Reason, ...]:
        """The reasons without those of stages that run every time."""
        return tuple(one for one in self.reasons if not isinstance(one, Always))

    @property
    def missing_outs(self) -> list[str]:
        """The paths of outputs that are not in the workspace."""
        return [path for path, item in self.outs.items() if item is None]


class Evaluator:
    """Evaluates the stages of a graph. Files that `known` describes, by place, are not read again.

    Without `external`, no address is contacted: dependencies outside of the repository count as unchanged.
    """

    def __init__(
        self,
        repo: Repository,
        graph: Graph,
        progress: Progress,
        known: Mapping[str, Entry | None] | None = None,
        *,
        external: ExternalFingerprints | None = None,
    ) -> None:
        self.graph = graph
        self.external = external
        self.locks = LockFiles(repo)
        self.contents = WorkspaceContents(repo, progress, outputs=graph.producers, known=known)

    def prefetch(self, stages: Iterable[Address]) -> None:
        """Read the inputs and outputs of `stages` in one pass over their directories."""
        found = [(one, self.graph.stages[one]) for one in stages]
        self.contents.prefetch(
            place for one, stage in found for place in (*dep_paths(one, stage), *out_paths(one, stage.outs))
        )
        if self.external is not None:
            self.external.load(dep.path for _, stage in found if not stage.frozen for dep in stage.external)

    def inputs(self, address: Address) -> Inputs:
        """The inputs of a stage. Raises PipelineError for unreadable parameter files, and for a refused stage."""
        stage = self.graph.stages[address]
        if stage.refused is not None:
            raise stage.refused
        deps: dict[str, LockedItem | None] = {}
        for dep in stage.deps:
            entry = self.contents.content(worktree_path(address.folder, dep.path, dep.mark))
            deps[dep.path] = locked_item(dep.path, entry) if entry is not None else None
        external = self.external if not stage.frozen else None  # a frozen stage waits for no server
        found = {dep.path: external.of(dep.path) for dep in stage.external} if external is not None else {}
        return Inputs(deps, dict(self._params(address, stage)), env_digests(stage.env, os.environ), found)

    def outs(self, address: Address) -> dict[str, LockedItem | None]:
        """The outputs of a stage, by path; None for a missing one."""
        found: dict[str, LockedItem | None] = {}
        for out in self.graph.stages[address].outs:
            entry = self.contents.entry(worktree_path(address.folder, out.path, out.mark))
            found[out.path] = locked_item(out.path, entry, out) if entry is not None else None
        return found

    def file_states(self, address: Address) -> dict[str, bytes]:
        """The file states of the dependencies of a stage, by path: see `WorkspaceContents.file_state`."""
        deps = self.graph.stages[address].deps
        return {one.path: self.contents.file_state(worktree_path(address.folder, one.path, one.mark)) for one in deps}

    def evaluate(self, address: Address, *, inputs: Inputs | None = None) -> StageEvaluation:
        """Evaluate a stage by itself, with other `inputs` than those of the workspace if they are given.

        Raises PipelineError for inputs that cannot be read, CorruptError or ConflictError for a broken lock.
        """
        stage, last, outs = self.graph.stages[address], self.locks.of(address), self.outs(address)
        inputs = inputs if inputs is not None else self.inputs(address)
        return StageEvaluation(address, stage, last, inputs, outs, find_reasons(stage, last, inputs, outs))

    def evaluate_all(
        self,
        stages: Iterable[Address],
        find_cached_run: Callable[[StageEvaluation], CachedRun | None],
        *,
        forced: Collection[Address] = (),
        expected: Mapping[str, LockedItem] | None = None,
    ) -> dict[Address, StageEvaluation]:
        """Evaluate `stages`, which are in order, as if all cached runs were restored already.

        `expected` is the content that a pull will write to empty paths. Raises what `evaluate` does.
        """
        found: dict[Address, StageEvaluation] = {}
        restored: set[Address] = set()
        content = dict(expected or {})
        """What places will hold, by place."""
        for address in stages:
            stage, inputs = self.graph.stages[address], self.inputs(address)
            one = self.evaluate(address, inputs=_with_expected(inputs, address, stage, content))
            one = self.with_file_changes(one, inputs)
            if one.reasons and address not in forced and (stage.frozen or not self._is_partly(one, restored, content)):
                one = replace(one, cached_run=find_cached_run(one))
            if one.cached_run is not None:
                restored.add(address)
                places = out_paths(address, stage.outs)
                content |= {place: one.cached_run.outs[out.path] for place, out in zip(places, stage.outs, strict=True)}
            found[address] = one
        return found

    def with_file_changes(self, found: StageEvaluation, inputs: Inputs | None = None) -> StageEvaluation:
        """Add the changed files of each changed directory whose old version is known.

        `inputs` are the inputs in the workspace, if those of `found` are predicted.
        """
        here = inputs or found.inputs
        reasons = [self._with_files(found, one) if _is_of(one, found, here) else one for one in found.reasons]
        return replace(found, reasons=tuple(reasons))

    def _params(self, address: Address, stage: Stage) -> Iterator[tuple[str, Mapping[str, Any]]]:
        for one in stage.params:
            values = self.contents.values(worktree_path(address.folder, one.file, one.mark))
            if values is None:
                raise PipelineError(
                    f"{one.mark}: parameter file {one.file!r} of stage {stage.name!r} not found",
                    fix="create it, or remove it from `params`",
                )
            yield one.file, dict(select_keys(values, one.keys)) if one.keys else values

    def _with_files(self, found: StageEvaluation, reason: Reason) -> Reason:
        match reason:
            case DependencyChanged(path, LockedItem() as old, LockedItem() as new) | OutputChanged(path, old, new):
                if new.kind is ObjectKind.TREE:
                    place = worktree_path(found.address.folder, path, found.stage.mark)
                    return replace(reason, files=self.contents.differences(place, old.entry))
        return reason

    def _is_partly(
        self, one: StageEvaluation, restored: Collection[Address], content: Mapping[str, LockedItem]
    ) -> bool:
        """Return whether a restore will change only a part of an input, which is unknown until then."""
        if not any(other in restored for other in self.graph.upstream[one.address]):
            return False
        producers = OutputIndex(dict.fromkeys(content, one.address))
        return any(place not in content and producers.of(place) for place in dep_paths(one.address, one.stage))


def _with_expected(inputs: Inputs, address: Address, stage: Stage, content: Mapping[str, LockedItem]) -> Inputs:
    """`inputs`, with the content that paths are going to hold."""
    deps = dict(inputs.deps)
    for dep, place in zip(stage.deps, dep_paths(address, stage), strict=True):
        if place in content:
            deps[dep.path] = replace(content[place], path=dep.path)
    return replace(inputs, deps=deps)


def _is_of(reason: Reason, found: StageEvaluation, here: Inputs) -> bool:
    """Return whether `reason` is about files that are in the workspace already."""
    return not isinstance(reason, DependencyChanged) or here.deps.get(reason.path) == found.inputs.deps.get(reason.path)

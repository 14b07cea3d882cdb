"""The checks of one command: finds suites, evaluates each once, and keeps the results when the data is recorded."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import chain

from dver.checks.evaluation.evaluate import results_of
from dver.checks.project_data import rule_results
from dver.checks.result import CheckedData, RuleOutcome, RuleResult, Severity
from dver.checks.suite.find import output_suite, suites_for
from dver.checks.suite.rules import CheckSuite
from dver.core.progress import SILENT, Progress
from dver.formats.profile import Profile
from dver.formats.tree import Entry
from dver.gates.checked_content import (
    CheckedContent,
    RecordedContent,
    WorkspaceContent,
    recorded_content,
    recorded_paths,
)
from dver.gates.kept_results import changing_part, keep_results, known_results, stable_part
from dver.git.registry.references import ArtifactReference, find_artifact, find_version
from dver.pipelines.definition.yaml_tree import Node
from dver.pipelines.engine.graph import Address
from dver.pipelines.lineage import trace
from dver.pipelines.training_input import training_input, unknown_training_data
from dver.profile_cache.profiles import Found, keep_profile, profile_of
from dver.repo import Repository
from dver.store.trees.compare import find
from dver.tracking.directory_listings import DirectoryReader
from dver.tracking.targets import TrackedData, is_at_or_below, target_containing, tracked_in_worktree


@dataclass(frozen=True, slots=True)
class _Evaluated:
    """Results that are to be kept."""

    suite: CheckSuite
    entry: Entry
    results: tuple[RuleResult, ...]


class DataGate:
    """Checks of data. Nothing is stored before `keep`."""

    def __init__(self, repo: Repository, progress: Progress = SILENT) -> None:
        self._repo = repo
        self._progress = progress
        self._in_workspace: dict[bytes, WorkspaceContent] = {}
        self._profiles: list[Found] = []
        self._evaluated: list[_Evaluated] = []

    def suites_of(
        self, data: bytes, paths: Iterable[bytes] = (), *, files: Iterable[bytes] = ()
    ) -> tuple[CheckSuite, ...]:
        """The suites of files of checks for the data path `data`: for `paths` in it, or for all of it.

        Patterns match its files in the workspace, and `files`. Raises PipelineError for mistakes.
        """
        found = suites_for(self._repo, list(paths) or [data], known=chain([data], files))
        return tuple(one for one in found if is_at_or_below(one.path, data))

    def suites_of_recorded(self, data: TrackedData) -> tuple[CheckSuite, ...]:
        """The suites of files of checks for `data`. Patterns match its recorded files, whatever the workspace has.

        Raises PipelineError for mistakes, and MissingObjectError if a pattern needs a listing that is not here.
        """
        listed = partial(recorded_paths, self._repo, [data])
        found = suites_for(self._repo, [data.path], recorded=listed, in_workspace=False)
        return tuple(one for one in found if is_at_or_below(one.path, data.path))

    def suites_of_outputs(self, address: Address, rules: Mapping[bytes, Node | None]) -> tuple[CheckSuite, ...]:
        """The suites of the outputs of a stage: those of files, and the `checks` of each output in dver.yaml.

        Patterns match the files of the workspace.
        """
        return (*(one for path in rules for one in self.suites_of(path)), *own_suites(address, rules))

    def check(self, suites: Iterable[CheckSuite]) -> tuple[CheckedData, ...]:
        """Evaluate `suites` on the workspace. Raises the errors of reading the data."""
        found = []
        for one in suites:
            content = self._in_workspace.setdefault(one.path, WorkspaceContent(self._repo, one.path, self._progress))
            found.append(self._check(one, content) if self._is_present(one.path) else _missing(one))
        return tuple(found)

    def check_recorded(
        self, suites: Iterable[CheckSuite], data: TrackedData, rev: str | None = None
    ) -> tuple[CheckedData, ...]:
        """Evaluate `suites` on content that a pointer or a lock records: of commit `rev`, or of the index.

        Raises MissingObjectError if neither the results nor the data is here, and the errors of reading the data.
        """
        known: dict[bytes, RecordedContent | None] = {}
        found = []
        for one in suites:
            if one.path not in known:
                known[one.path] = recorded_content(self._repo, data, one.path, rev, self._progress)
            content = known[one.path]
            found.append(self._check(one, content) if content is not None else _missing(one))
        return tuple(found)

    def keep(self) -> None:
        """Keep profiles and results, once the data is stored."""
        for found in {(one.oid, one.path): one for one in self._profiles}.values():
            keep_profile(self._repo, found)
        for one in self._evaluated:
            keep_results(self._repo, one.suite, one.entry, one.results)
        self._profiles.clear()
        self._evaluated.clear()

    def _is_present(self, path: bytes) -> bool:
        """Whether data has the path: in the workspace, or in the part of a directory that is not checked out."""
        if self._repo.layout.exists(path):
            return True
        if not any(is_at_or_below(path, one) for one in self._repo.state.partial):
            return False
        target = target_containing(tracked_in_worktree(self._repo), path)
        if target is None:
            return False
        return find(target.tracked.entry, target.inside, DirectoryReader(self._repo, target.tracked)) is not None

    def _check(self, suite: CheckSuite, content: CheckedContent) -> CheckedData:
        results = (*self._stable_results(suite, content), *self._changing_results(suite, content))
        return CheckedData(os.fsdecode(suite.path), content.entry.oid, suite.source, results)

    def _stable_results(self, suite: CheckSuite, content: CheckedContent) -> tuple[RuleResult, ...]:
        part = stable_part(suite)
        if part is None:
            return ()
        results = known_results(self._repo, part, content.entry)
        if results is None:
            results = self._evaluate(part, content)
            self._evaluated.append(_Evaluated(part, content.entry, results))
        return results

    def _changing_results(self, suite: CheckSuite, content: CheckedContent) -> tuple[RuleResult, ...]:
        part = changing_part(suite)
        return () if part is None else self._evaluate(part, content)

    def _evaluate(self, suite: CheckSuite, content: CheckedContent) -> tuple[RuleResult, ...]:
        found = content.profile()
        self._profiles.append(found)
        results = rule_results(
            self._repo,
            suite,
            found,
            content=content.data(),
            references=self._reference,
            keep=False,
            progress=self._progress,
        )
        return results_of(results)

    def _reference(self, reference: str, path: bytes) -> Profile:
        """The profile of what the model `NAME#STAGE` was trained on."""
        asked = ArtifactReference.parse(reference)
        version = find_version(find_artifact(self._repo.git, asked.artifact), asked)
        name = f"{version.artifact}@{version.version}"
        made = version.registration.details.path if version.registration is not None else None
        lineage = trace(self._repo, made, version.commit) if made is not None else None
        if lineage is None:
            raise unknown_training_data(name, f"no stage made {made!r}" if made else "its tag has no path")
        place = training_input(lineage, name, preferred=os.fsdecode(path))
        top = self._repo.git.worktree
        return profile_of(
            self._repo, str(top / place), cwd=top, rev=version.commit, keep=False, progress=self._progress
        ).profile


def own_suites(address: Address, rules: Mapping[bytes, Node | None]) -> Iterator[CheckSuite]:
    """The suites that the `checks` of outputs in dver.yaml are. Raises PipelineError for mistakes."""
    for path, node in rules.items():
        if node is not None:
            yield output_suite(node, path, f"stage {address}", os.fsencode(address.folder))


def _missing(suite: CheckSuite) -> CheckedData:
    """The results for a path that the data does not have."""
    severity = Severity.CRITICAL if any(one.severity is Severity.CRITICAL for one in suite.rules) else Severity.WARNING
    result = RuleResult("exists", RuleOutcome.ERROR, severity, "data at this path", "nothing")
    return CheckedData(os.fsdecode(suite.path), None, suite.source, (result,))

"""The checks of one command: finds suites, evaluates each once, and keeps the results when the data is recorded."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from dver.checks.evaluation.evaluate import evaluate
from dver.checks.project_data import ProjectData
from dver.checks.result import CheckedData, RuleResult
from dver.checks.suite.find import output_suite, suites_for
from dver.checks.suite.rules import CheckSuite
from dver.core.phrasing import quoted
from dver.core.progress import SILENT, Progress
from dver.formats.tree import Entry
from dver.gates.errors import FailedChecksError, FailedOutputChecksError, data_fix, failed, failure_text, failures_text
from dver.gates.errors import shown as shown_path
from dver.gates.kept_results import changing_part, keep_results, known_results, stable_part
from dver.pipelines.definition.yaml_tree import Node
from dver.pipelines.engine.graph import Address
from dver.profile_cache.profiles import Found, keep_profile, profile_of
from dver.repo import Repository
from dver.tracking.targets import is_at_or_below


@dataclass(frozen=True, slots=True)
class _Evaluated:
    """Results that are to be kept."""

    suite: CheckSuite
    found: Found
    results: tuple[RuleResult, ...]


class DataChecks:
    """Checks of data in the workspace, or of a revision. Nothing is stored before `keep`."""

    def __init__(self, repo: Repository, progress: Progress = SILENT, *, rev: str | None = None) -> None:
        self._repo = repo
        self._progress = progress
        self._rev = rev
        self._profiles: dict[bytes, Found] = {}
        self._evaluated: list[_Evaluated] = []

    def suites_of(self, data: bytes, paths: Iterable[bytes] = ()) -> tuple[CheckSuite, ...]:
        """The suites of files of checks for the data path `data`: for `paths` in it, or for all of it.

        Raises PipelineError for mistakes.
        """
        found = suites_for(self._repo, list(paths) or [data], known=[data])
        return tuple(one for one in found if is_at_or_below(one.path, data))

    def suites_of_outputs(self, address: Address, rules: Mapping[bytes, Node | None]) -> tuple[CheckSuite, ...]:
        """The suites of the outputs of a stage: those of files, and the `checks` of each output in dver.yaml."""
        folder = os.fsencode(address.folder)
        own = [output_suite(node, path, str(address), folder) for path, node in rules.items() if node is not None]
        return (*(one for path in rules for one in self.suites_of(path)), *own)

    def check(self, suites: Iterable[CheckSuite], *, allow_scan: bool = True) -> tuple[CheckedData, ...]:
        """Evaluate `suites`. Raises the errors of reading the data."""
        return tuple(self._check(one, allow_scan=allow_scan) for one in suites)

    def keep(self) -> None:
        """Keep profiles and results, once the data is stored."""
        for found in self._profiles.values():
            keep_profile(self._repo, found)
        for one in self._evaluated:
            keep_results(self._repo, one.suite, one.found.entry, one.results)
        self._profiles.clear()
        self._evaluated.clear()

    def content_of(self, suite: CheckSuite) -> Entry:
        """The content that `suite` is about."""
        return self._found(suite, allow_scan=True).entry

    def refuse_failed(self, checked: Sequence[CheckedData], *, override: str) -> None:
        """Raise FailedChecksError if a critical check failed. `override` is a command without its paths."""
        if bad := failed(checked):
            names = " ".join(quoted(shown_path(self._repo, one)) for one in bad)
            raise FailedChecksError(
                failure_text(self._repo, checked),
                why=failures_text(checked),
                fix=f"{data_fix(self._repo, checked)}, or override them: {override} {names}",
                checked=tuple(checked),
            )

    def refuse_failed_stage(self, checked: Sequence[CheckedData], address: Address) -> None:
        """Raise FailedOutputChecksError if a critical check of an output failed."""
        if failed(checked):
            raise FailedOutputChecksError(
                f"stage {str(address)!r}: {failure_text(self._repo, checked)}",
                why=f"{failures_text(checked)}; its outputs are left in the workspace, and dver.lock as it was",
                fix=f"{data_fix(self._repo, checked)}, or override them: "
                f"dver commit --force --no-checks {quoted(str(address))}",
                checked=tuple(checked),
            )

    def _check(self, suite: CheckSuite, *, allow_scan: bool) -> CheckedData:
        found = self._found(suite, allow_scan=allow_scan)
        results = (*self._stable_results(suite, found), *self._changing_results(suite, found))
        return CheckedData(os.fsdecode(suite.path), found.oid, suite.source, results)

    def _stable_results(self, suite: CheckSuite, found: Found) -> tuple[RuleResult, ...]:
        part = stable_part(suite)
        if part is None:
            return ()
        results = known_results(self._repo, part, found.oid)
        if results is None:
            results = self._evaluate(part, found)
            self._evaluated.append(_Evaluated(part, found, results))
        return results

    def _changing_results(self, suite: CheckSuite, found: Found) -> tuple[RuleResult, ...]:
        part = changing_part(suite)
        return () if part is None else self._evaluate(part, found)

    def _evaluate(self, suite: CheckSuite, found: Found) -> tuple[RuleResult, ...]:
        data = ProjectData(self._repo, suite, found, keep=False, progress=self._progress)
        return evaluate(suite, found.profile, data, path=os.fsdecode(suite.path), oid=found.oid).results

    def _found(self, suite: CheckSuite, *, allow_scan: bool) -> Found:
        if suite.path not in self._profiles:
            place = os.fsdecode(self._repo.layout.absolute(suite.path))
            self._profiles[suite.path] = profile_of(
                self._repo, place, rev=self._rev, allow_scan=allow_scan, keep=False, progress=self._progress
            )
        return self._profiles[suite.path]

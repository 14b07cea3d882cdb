"""Checks of the outputs of a stage, between its run and its lock entry."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from dver.core.progress import Progress
from dver.formats.lock import LockedItem, LockedStage
from dver.gates.suite_presence import may_have_checks
from dver.pipelines.definition.stage import Output, Stage
from dver.pipelines.engine.graph import Address, worktree_path
from dver.pipelines.engine.reasons import has_same_content
from dver.repo import Repository
from dver.tracking.targets import is_at_or_below

if TYPE_CHECKING:
    from dver.checks.result import CheckedData
    from dver.gates.data_checks import DataGate


class OutputChecks:
    """Checks outputs before they are recorded. With `enabled` off, notes which ones were not checked.

    `checked` has all results, also those of stages that failed.
    """

    def __init__(self, repo: Repository, progress: Progress, *, enabled: bool = True) -> None:
        self._repo = repo
        self._progress = progress
        self._enabled = enabled
        self._pending: DataGate | None = None
        self.checked: list[CheckedData] = []

    def check(self, address: Address, stage: Stage) -> frozenset[str]:
        """Check the outputs of `stage` in the workspace. Returns those whose checks were skipped.

        Raises FailedOutputChecksError if a critical check fails.
        """
        return self._check(address, stage, stage.outs)

    def check_restored(
        self, address: Address, stage: Stage, items: Sequence[LockedItem], last: LockedStage | None
    ) -> tuple[LockedItem, ...]:
        """Check restored outputs that dver.lock does not have, and return the items to record. Raises as `check`."""
        known = {item.path: item for item in last.outs} if last is not None else {}
        new = {item.path for item in items if not has_same_content(item, known.get(item.path))}
        skipped = self._check(address, stage, [out for out in stage.outs if out.path in new])
        return tuple(replace(one, checks_skipped=one.path in skipped) if one.path in new else one for one in items)

    def keep(self) -> None:
        """Keep the results of outputs that are stored now."""
        if self._pending is not None:
            self._pending.keep()
            self._pending = None

    def _check(self, address: Address, stage: Stage, outs: Iterable[Output]) -> frozenset[str]:
        places = {os.fsencode(worktree_path(address.folder, out.path, out.mark)): out for out in outs}
        rules = {place: out.checks for place, out in places.items()}
        if not any(rules.values()) and not may_have_checks(self._repo, rules):
            return frozenset()
        from dver.gates.data_checks import DataGate  # with a YAML library
        from dver.gates.refusals import refuse_failed_stage

        checks = DataGate(self._repo, self._progress)
        suites = checks.suites_of_outputs(address, rules)
        named = {out.path for place, out in places.items() if any(is_at_or_below(one.path, place) for one in suites)}
        if not self._enabled:
            return frozenset(named)
        checked = checks.check(suites)
        self.checked += checked
        refuse_failed_stage(self._repo, checked, address)
        self._pending = checks
        return frozenset()

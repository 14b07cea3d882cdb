"""Results of checks that are kept by content and rules, so that the same data is not checked twice.

They are kept as profiles are (docs/format/check-results.md), and travel with the data.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, replace

from dver.checks.evaluation.evaluate import RuleResults
from dver.checks.result import RuleOutcome, RuleResult
from dver.checks.suite.rules import CheckSuite
from dver.core.display import Displayed
from dver.core.errors import CorruptError
from dver.formats.profile import PROFILER
from dver.formats.tree import Entry
from dver.gates import result_format
from dver.profile_cache.file_profiles import content_format
from dver.profile_cache.kept_objects import keep_object, kept_object
from dver.profile_cache.privacy import privacy_digest
from dver.repo import Repository


@dataclass(frozen=True, slots=True, repr=False)
class ReplacedResult(Displayed):
    """A kept result that differed from what the data has."""

    path: str
    rule: str
    column: str | None
    kept: RuleOutcome | None
    """None if the rule was not among the kept results."""
    found: RuleOutcome


def stable_part(suite: CheckSuite) -> CheckSuite | None:
    """The rules whose results depend on content and rule alone, not on time, other versions or code."""
    return _part(suite, depends_on_more=False)


def changing_part(suite: CheckSuite) -> CheckSuite | None:
    """The other rules."""
    return _part(suite, depends_on_more=True)


def known_results(repo: Repository, suite: CheckSuite, content: Entry) -> tuple[RuleResult, ...] | None:
    """The kept results of a stable part for `content`; None if there are none that are complete and readable."""
    found = kept_object(repo, _command(repo, suite, content), content.oid)
    with suppress(CorruptError):
        results = result_format.decode(found) if found is not None else ()
        return results if results and _is_complete(results) else None
    return None


def keep_results(repo: Repository, suite: CheckSuite, content: Entry, results: tuple[RuleResult, ...]) -> None:
    """Keep the results of a stable part for the data `content`, which is stored.

    Not if a rule could not be evaluated: the reason may be gone the next time, such as data that was not fetched.
    """
    if results and _is_complete(results):
        keep_object(repo, _command(repo, suite, content), content, result_format.encode(results), path=suite.path)


def replace_kept(repo: Repository, suite: CheckSuite, content: Entry, found: RuleResults) -> tuple[ReplacedResult, ...]:
    """Replace the kept results for `content` by those that were `found`, if they differ: kept ones may be another
    clone's, and wrong. Returns what passes now and did not, and the reverse."""
    part = stable_part(suite)
    kept = known_results(repo, part, content) if part is not None else None
    fresh = tuple(one for rule, results in found if not rule.depends_on_more for one in results)
    if part is None or kept is None or result_format.encode(kept) == result_format.encode(fresh):
        return ()
    keep_results(repo, part, content, fresh)
    path, before = os.fsdecode(suite.path), {_key(one): one.outcome for one in kept}
    return tuple(
        ReplacedResult(path, one.rule, one.column, before.get(_key(one)), one.outcome)
        for one in fresh
        if before.get(_key(one)) is not one.outcome and one.outcome is not RuleOutcome.ERROR
    )


def _key(one: RuleResult) -> tuple[str, str | None, str]:
    return one.rule, one.column, one.expected


def _is_complete(results: tuple[RuleResult, ...]) -> bool:
    return all(one.outcome is not RuleOutcome.ERROR for one in results)


def _command(repo: Repository, suite: CheckSuite, content: Entry) -> str:
    rules = suite.digest
    private = privacy_digest(repo)  # results from before a column became private may have its values
    if private is not None:
        rules += f"-{private}"
    return f"dver check {rules} {PROFILER} {content_format(content, suite.path)}"


def _part(suite: CheckSuite, *, depends_on_more: bool) -> CheckSuite | None:
    rules = tuple(one for one in suite.rules if one.depends_on_more is depends_on_more)
    return replace(suite, rules=rules) if rules else None

"""Runs a plug-in, if the user allows it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from difflib import get_close_matches
from importlib.metadata import entry_points

from dver.checks.data_access import DataAccess
from dver.checks.plugins import pandera_schema, pointblank_file
from dver.checks.plugins.plugin_data import ENTRY_POINTS, PluginCheck, PluginData
from dver.checks.relation import open_relation
from dver.checks.result import RuleOutcome, RuleResult
from dver.checks.suite.rules import CheckRule
from dver.checks.wording import expected_text
from dver.core.errors import DverError, UsageError
from dver.formats.profile import CollectionProfile

_OWN = {"pandera": pandera_schema.check, "pointblank": pointblank_file.check}


def plugin_results(rule: CheckRule, collection: CollectionProfile, data: DataAccess) -> tuple[RuleResult, ...]:
    """The results of a plug-in's checks. Raises UsageError if it may not run or is unknown, or cannot."""
    if not data.plugins_allowed:
        raise UsageError(
            f"plug-in {rule.name} did not run",
            why="plug-ins run code of the project; allow it with `dver config set --local checks.plugins true`",
        )
    assert rule.name is not None
    check = _OWN.get(rule.name) or _entry_point(rule.name)
    with (
        data.tables(collection.name) as files,
        data.scratch() as scratch,
        open_relation(files, collection, scratch, ordered=True) as relation,
    ):
        try:
            found = list(check(PluginData(relation, data.directory()), str(rule.wanted)))
        except DverError:
            raise
        except Exception as error:  # code that is not ours may raise anything
            raise UsageError(f"plug-in {rule.name} failed", why=f"{type(error).__name__}: {error}") from error
    return tuple(_result(rule, one) for one in found)


def _result(rule: CheckRule, one: PluginCheck) -> RuleResult:
    outcome = RuleOutcome.PASSED if one.passed else RuleOutcome.FAILED
    expected = one.expected or expected_text(rule)
    return RuleResult(one.name, outcome, rule.severity, expected, one.found, one.column, one.failed_rows, scanned=True)


def _entry_point(name: str) -> Callable[[PluginData, str], Iterable[PluginCheck]]:
    known = {one.name: one for one in entry_points(group=ENTRY_POINTS)}
    if name not in known:
        near = get_close_matches(name, [*known, *_OWN], 1)
        raise UsageError(
            f"no plug-in {name!r}" + (f"; did you mean {near[0]!r}?" if near else ""),
            why=f"no installed package has an entry point of this name in the group {ENTRY_POINTS}",
        )
    try:
        found: Callable[[PluginData, str], Iterable[PluginCheck]] = known[name].load()
    except Exception as error:  # the package's code may raise anything
        raise UsageError(f"plug-in {name} cannot be imported", why=f"{type(error).__name__}: {error}") from error
    return found

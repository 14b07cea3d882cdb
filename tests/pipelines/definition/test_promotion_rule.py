"""Rules for promoting a new version."""

from __future__ import annotations

from typing import Any

import pytest

from dver.pipelines.definition.promotion_rule import (
    ComparedVersion,
    PromotionRule,
    PromotionVerdict,
    RuleSyntaxError,
    RuleValues,
)

NEW = ComparedVersion("v2.0.0", {"eval.json:auc": 0.91, "eval.json:test.loss": 0.4, "speed.json:ms": 12.0})
OLD = ComparedVersion("v1.0.0", {"eval.json:auc": 0.9, "eval.json:test.loss": 0.5})


def decide(text: str, **changes: Any) -> PromotionVerdict:
    values: dict[str, Any] = {"new": NEW, "stages": {"prod": OLD}, "checks_pass": True, **changes}
    return PromotionRule.parse(text).evaluate(RuleValues(**values))


@pytest.mark.parametrize(
    ("text", "promote"),
    [
        ("auc >= prod.auc - 0.01 and checks.pass", True),
        ("auc > prod.auc + 0.02", False),
        ("new.auc > 0.9", True),
        ("0.9 < auc < 0.95", True),
        ("auc < 0.5 or ms <= 12", True),
        ("not auc < 0.5", True),
        ("test.loss < prod.test.loss", True),
        ("loss < prod.loss", True),
        ('new["eval.json:auc"] > prod["eval.json:auc"]', True),
        ("abs(auc - prod.auc) < 0.005", False),
        ("max(auc, 0.95) == 0.95 and min(auc, ms) > -1 * 2", True),
        ("auc / 2 >= 0.45", True),
    ],
)
def test_a_rule_decides(text: str, promote: bool) -> None:
    assert decide(text).promote is promote


def test_each_comparison_says_its_values() -> None:
    verdict = decide("auc >= prod.auc + 0.05 and checks.pass")
    assert [(one.text, one.holds, one.found) for one in verdict.conditions] == [
        ("auc >= prod.auc + 0.05", False, "0.91 >= 0.95"),
        ("checks.pass", True, "data checks passed"),
    ]


def test_failed_checks_are_a_reason() -> None:
    verdict = decide("auc > 0.5 and checks.pass", checks_pass=False)
    assert not verdict.promote
    assert "failed" in verdict.conditions[1].found


@pytest.mark.parametrize(
    ("text", "promote"),
    [
        ("auc >= prod.auc", True),
        ("not auc < prod.auc", True),
        ("auc >= prod.auc and auc > 0.99", False),
        ("auc >= prod.auc or auc > 0.99", True),
        ("auc >= prod.auc and auc > 0.5", True),
    ],
)
def test_an_empty_stage_stands_in_no_ones_way(text: str, promote: bool) -> None:
    verdict = decide(text, stages={"prod": None})
    assert verdict.promote is promote
    assert (verdict.conditions[0].holds, verdict.conditions[0].found) == (None, "no version is in prod yet")


def test_an_unknown_metric_is_a_reason_and_names_the_known_ones() -> None:
    verdict = decide("f1 > 0.5 and ms < prod.ms")
    assert not verdict.promote
    assert verdict.conditions[0].found.startswith("v2.0.0 has no metric 'f1'; it has: eval.json:auc")
    assert verdict.conditions[1].found.startswith("v1.0.0 has no metric 'ms'")


def test_a_metric_of_two_files_must_be_named_whole() -> None:
    two = ComparedVersion("v2.0.0", {"a.json:auc": 0.1, "b.json:auc": 0.9})
    assert "several metrics 'auc': a.json:auc, b.json:auc" in decide("auc > 0", new=two).conditions[0].found
    assert decide('new["b.json:auc"] > 0.8', new=two).promote


@pytest.mark.parametrize(
    "text",
    [
        "not f1 > 0.5",
        "not (rmse > prod.rmse)",
        "auc > 0.5 or f1 > 0.5",
        "not (f1 > 0.5 and auc > 0.5)",
        "not 1 / (auc - auc) > 1",
        "1 / (auc - auc) > 1",
        "not 1e308 * 10 - 1e308 * 10 > 0",
    ],
)
def test_a_rule_with_a_missing_value_never_promotes(text: str) -> None:
    verdict = decide(text)
    assert not verdict.promote
    assert "has a missing value" in [one.answer for one in verdict.conditions]


@pytest.mark.parametrize("text", ["prod.auc <= aux", "prod.auc + aux > 0", "not max(prod.auc, 1 / (auc - auc)) > 1"])
def test_a_missing_value_counts_while_the_stage_is_empty(text: str) -> None:
    verdict = decide(text, stages={"prod": None})
    assert not verdict.promote
    assert verdict.conditions[0].is_missing


def test_a_metric_that_is_not_a_number_is_missing() -> None:
    verdict = decide("not min(1, auc) < 0.5", new=ComparedVersion("v2.0.0", {"eval.json:auc": float("nan")}))
    assert (verdict.promote, verdict.conditions[0].found) == (False, "`auc` is not a number")


def test_a_rule_names_its_stages() -> None:
    rule = PromotionRule.parse('auc > prod.auc and test.loss < stage["pre-prod"].test.loss and new.ms < 3')
    assert rule.prefixes == {"prod", "test"}
    assert rule.stages == {"pre-prod"}


@pytest.mark.parametrize(
    "text", ['auc > stage["pre-prod"].auc', 'test.loss < stage["pre-prod"]["eval.json:test.loss"]']
)
def test_a_stage_may_have_a_hyphen(text: str) -> None:
    verdict = decide(text, stages={"pre-prod": OLD})
    assert (verdict.promote, verdict.conditions[0].holds) == (True, True)
    first = decide(text, stages={"pre-prod": None})
    assert (first.promote, first.conditions[0].found) == (True, "no version is in pre-prod yet")


def test_an_unknown_stage_may_be_misspelt_and_never_promotes() -> None:
    verdict = decide("auc > prd.auc")
    assert not verdict.promote
    assert "v2.0.0 has no metric 'prd.auc'" in verdict.conditions[0].found
    assert verdict.conditions[0].found.endswith("no version was ever in a stage 'prd': is it `stage[\"prd\"].auc`?")
    assert decide('auc > stage["prd"].auc', stages={"prd": None}).promote


def test_a_nested_metric_counts_more_than_an_empty_stage_of_its_name() -> None:
    assert decide("test.loss < 0.3", stages={"test": None}).promote is False
    assert decide("test.loss < 0.3", stages={"test": None}, target="test").promote is True
    assert decide("test.loss < 0.45", stages={"test": OLD}).promote is False
    assert decide("new.test.loss < 0.45", stages={"test": OLD}).promote is True


@pytest.mark.parametrize(
    "text",
    [
        "",
        "auc",
        "0.9",
        "auc >=",
        "auc = 3",
        "auc > True",
        "auc in prod",
        "__import__('os').system('true') > 0",
        "auc > (lambda: 1)()",
        "auc > [1][0]",
        "auc > 'text'",
        "auc > checks.pass",
        'auc > stage["prod"]',
        'auc > stage["pre prod"].auc',
        'auc > stage["prod"]["auc"]["test"]',
        "abs(auc, 2) > 1",
        "max(auc) > 1",
        "auc > 1 if auc else 2",
        "auc ** 9999999 > 1",
        "(" * 300 + "auc" + ")" * 300 + " > 1",
        "not " * 60 + "auc > 1",
        "auc > " + "1 + " * 400 + "1",
    ],
)
def test_what_is_no_rule_is_refused(text: str) -> None:
    with pytest.raises(RuleSyntaxError):
        PromotionRule.parse(text)

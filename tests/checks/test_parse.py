from __future__ import annotations

import re
from pathlib import Path

import pytest
from file_checks import suite_of

from dver.checks.result import Severity
from dver.checks.suite import rules as suite_rules
from dver.checks.suite.parse import parse_suite
from dver.checks.suite.rules import AtMost, Between, CheckRule, RuleKind
from dver.core.errors import PipelineError

PAGE = Path(__file__).parents[2] / "docs" / "format" / "checks.md"


def rules(text: str) -> list[CheckRule]:
    return [rule for one in parse_suite(text.encode(), "dver.checks.yaml") for rule in one.rules]


def test_the_example_of_the_format_page_is_a_suite() -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    found = rules(example)
    assert {one.kind for one in found} >= {RuleKind.ROWS, RuleKind.KEY, RuleKind.SQL, RuleKind.EXPRESSION}
    assert len(found) == 10


def test_the_format_page_names_every_rule_kind() -> None:
    page = PAGE.read_text()
    names = {one.value for one in RuleKind} - {"rows-change", "expression", "plugin", "quantile"}
    assert [name for name in names if f"`{name}`" not in page] == []


def test_a_rule_has_its_own_severity_or_that_of_its_block_or_file() -> None:
    text = """
severity: warning
checks:
  a.csv:
    columns:
      x: {min: 1, max: {value: 2, severity: critical}}
  b.csv:
    severity: critical
    rows: {min: 1}
    columns: {x: {severity: warning, nulls: 0}}
"""
    found = [(one.kind.value, one.severity) for one in rules(text)]
    assert found == [
        ("min", Severity.WARNING),
        ("max", Severity.CRITICAL),
        ("rows", Severity.CRITICAL),
        ("nulls", Severity.WARNING),
    ]


def test_a_rule_knows_its_position() -> None:
    found = rules("checks:\n  a.csv:\n    columns:\n      x:\n        nulls: 0\n")
    assert [one.at for one in found] == ["dver.checks.yaml:5:9"]


@pytest.mark.parametrize(
    ("written", "wanted"),
    [("0", AtMost(number=0)), ("12", AtMost(number=12)), ("5 %", AtMost(share=0.05)), ("2.5%", AtMost(share=0.025))],
)
def test_nulls_are_a_number_of_rows_or_a_share(written: str, wanted: AtMost) -> None:
    assert rules(f"checks: {{a: {{columns: {{x: {{nulls: {written}}}}}}}}}")[0].wanted == wanted


def test_rows_may_change_by_a_share() -> None:
    both, other = rules("checks: {a: {rows: {min: 1, change: {min: -5 %, max: 20 %}}}}")
    assert (both.kind, both.wanted) == (RuleKind.ROWS, Between(1, None))
    assert (other.kind, other.wanted) == (RuleKind.ROWS_CHANGE, Between(-0.05, 0.2))


@pytest.mark.parametrize(
    ("text", "what", "fix"),
    [
        ("checks: {a: {colums: {}}}", "dver.checks.yaml:1:14: rules: unknown key 'colums'", "did you mean 'columns'?"),
        ("check: {}", "dver.checks.yaml:1:1: dver.checks.yaml: unknown key 'check'", "did you mean 'checks'?"),
        ("", "dver.checks.yaml:1:1: no `checks`", None),
        ("checks: {a: {columns: {x: {mim: 1}}}}", "column 'x': unknown key 'mim'", "did you mean 'min'?"),
        ("checks: {a: {columns: {x: {type: intger}}}}", "unknown type 'intger'", "did you mean 'integer'?"),
        (
            "checks: {a: {columns: {x: {nulls: 0.05}}}}",
            "expected a number of rows or a percentage",
            "such as 10, or 5 %",
        ),
        ("checks: {a: {columns: {x: {nulls: 120 %}}}}", "expected 0 % to 100 %", None),
        ("checks: {a: {columns: {x: {min: 2, max: 1}}}}", "`min` is greater than `max`", "exchange them"),
        ("checks: {a: {columns: {x: {min: [1]}}}}", "expected a value, not a list", None),
        ("checks: {a: {columns: {x: {min: .inf}}}}", "expected a finite number", None),
        ("checks: {a: {columns: {x: {unique: 1}}}}", "expected true or false", None),
        ("checks: {a: {columns: {x: {values: []}}}}", "expected a list of values", None),
        ("checks: {a: {columns: {x: {values: [a, a]}}}}", "duplicate 'a'", None),
        ("checks: {a: {columns: {x: {fresh: soon}}}}", "such as 7d, not 'soon'", None),
        ("checks: {a: {columns: {x: {quantiles: {2: {min: 1}}}}}}", "expected a number from 0 to 1", None),
        ("checks: {a: {columns: {x: {mean: {}}}}}", "expected `min`, `max` or both", None),
        ("checks: {a: {rows: {min: 3, max: 2}}}", "`min` is greater than `max`", None),
        ("checks: {a: {rows: {value: 3, severty: warning}}}", "unknown key 'severty' beside `value`", None),
        ("checks: {a: {rows: 3, severity: high}}", "expected warning or critical, not 'high'", None),
        ("checks: {a: {}}", "no rules", None),
        ("checks: {../a: {rows: 3}}", "is not a path below", None),
        ("checks: {/a: {rows: 3}}", "is not a path below", None),
        ("checks: {a: {drift: {}}}", "`drift` has no `against`", None),
        ("checks: {a: {drift: {against: model a b}}}", "names no model", None),
        ("checks: {a: {schema: {order: true}}}", "`schema` has no `columns`", None),
        ("checks: {a: {key: []}}", "expected at least one name", None),
        ("checks: {a: {sql: 3}}", "expected text, not a number", None),
        ("checks:\n  a:\n\trows: 3", "indented with spaces", None),
        ("checks: {a: {rows: 3}, a: {rows: 4}}", "duplicate key 'a'", None),
    ],
)
def test_a_mistake_is_an_error_with_its_position(text: str, what: str, fix: str | None) -> None:
    with pytest.raises(PipelineError) as caught:
        parse_suite(text.encode(), "dver.checks.yaml")
    assert what in caught.value.what
    assert caught.value.what.startswith("dver.checks.yaml:")
    if fix is not None:
        assert caught.value.fix == fix


def test_a_file_that_is_not_utf8_is_an_error() -> None:
    with pytest.raises(PipelineError, match="is not YAML"):
        parse_suite(b"checks: \xff", "dver.checks.yaml")


def test_results_of_another_evaluation_are_others(monkeypatch: pytest.MonkeyPatch) -> None:
    suite = suite_of("rows: 3")
    before = suite.digest
    monkeypatch.setattr(suite_rules, "EVALUATION", suite_rules.EVALUATION + 1)
    assert suite.digest != before


def test_the_digest_follows_the_rules_and_not_their_place() -> None:
    def digest(text: str) -> str:
        return suite_of(text).digest

    assert digest("rows: 3") == digest("\n\nrows: {min: 3, max: 3}")
    assert len({digest(one) for one in ("rows: 3", "rows: 4", "rows: {value: 3, severity: warning}", "key: a")}) == 4


@pytest.mark.parametrize(
    ("text", "reusable"),
    [
        ("rows: 3", True),
        ("rows: {change: 5 %}", False),
        ("columns: {x: {fresh: 3d}}", False),
        ("sql: SELECT * FROM data WHERE day > today()", False),
        ("sql: SELECT * FROM data WHERE day > 3", True),
        ("expressions: day < now()", False),
        ("expressions: day < CURRENT_DATE", False),
        ("sql: SELECT * FROM data USING SAMPLE 10", False),
        ("expressions: age >= 18", True),
        ("drift: {against: v1}", False),
        ("pandera: a.py:b", False),
    ],
)
def test_results_of_rules_about_time_and_versions_are_not_reusable(text: str, reusable: bool) -> None:
    from file_checks import suite_of

    assert [one.depends_on_more for one in suite_of(text).rules] == [not reusable]

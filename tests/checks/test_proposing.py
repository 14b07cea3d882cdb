from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from file_checks import FileData, checked, suite_of, table
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dver.checks.evaluation.evaluate import evaluate
from dver.checks.proposing.insertion import add_rules
from dver.checks.proposing.proposal import propose, yaml_text
from dver.checks.suite.parse import parse_suite
from dver.core.errors import ConflictError
from dver.formats.profile import CollectionKind, CollectionProfile, Profile
from dver.pipelines.definition.yaml_tree import parse_yaml
from dver.profiles.tables import profile_table

TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=8)
COLUMNS = st.one_of(
    *(
        st.lists(st.none() | one, min_size=30, max_size=30)
        for one in (
            st.integers(-(2**62), 2**62),
            st.integers(0, 3),
            st.floats(allow_nan=True, allow_infinity=True),
            TEXTS,
            st.sampled_from(["a", "B", "yes", "1", "~"]),
            st.booleans(),
            st.datetimes(),
        )
    )
)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.dictionaries(TEXTS, COLUMNS, min_size=1, max_size=4))
def test_proposed_rules_hold_for_the_same_data(columns: dict[str, list[object]]) -> None:
    with TemporaryDirectory() as folder:
        path = table(Path(folder) / "a.parquet", columns)
        profile = profile_table(path, path.name, processes=1)
        content = add_rules(b"", "a.parquet", propose(profile).lines, "dver.checks.yaml")
        (found,) = parse_suite(content, "dver.checks.yaml")
        suite = suite_of("rows: 1")
        data = FileData(path)
        result = evaluate(type(suite)(b"a", "a", found.rules), profile, data, path="a")
        assert [one for one in result.results if not one.ok] == []
        assert data.opened == 0


def test_a_proposal_has_types_ranges_nulls_values_and_reasons(tmp_path: Path) -> None:
    rows = 200
    path = table(
        tmp_path / "a.csv",
        {
            "id": range(rows),
            "age": [20 + one % 50 for one in range(rows)],
            "country": ["DE", "FR"] * (rows // 2),
            "note": [None if one < 5 else f"note {one}" for one in range(rows)],
            "bought": [one % 2 for one in range(rows)],
            "rooms": [1 + one % 3 // 2 if one else 4 for one in range(rows)],
        },
    )
    proposal = propose(profile_table(path, path.name, processes=1))
    text = "\n".join(proposal.lines)
    assert "rows: {min: 100}  # 200 now" in text
    assert "    unique: true" in text
    assert "min: {value: 0, severity: warning}  # 20 now" in text
    assert "max: {value: 94, severity: warning}  # 69 now" in text
    assert "values: {value: [DE, FR], severity: warning}" in text
    assert "values: {value: [0, 1], severity: warning}" in text
    assert "max: {value: 6, severity: warning}  # 4 now" in text  # no fraction: 5.5
    assert "nulls: 5 %  # 2.5 % now" in text
    assert proposal.rules == len(suite_of(text).rules)
    assert [one.ok for one in checked(path, text).results] == [True] * proposal.rules


def test_ten_thousand_columns_get_rules_for_the_first_ones(tmp_path: Path) -> None:
    from dver.formats.profile import ColumnProfile, ColumnType

    columns = tuple(ColumnProfile(f"c{at}", ColumnType.TEXT, 1, 0) for at in range(10_000))
    profile = Profile((CollectionProfile("", CollectionKind.TABLE, 1, 1, 1, columns),))
    lines = propose(profile).lines
    assert lines[-1] == "  # 9,800 more columns without rules"
    assert len(lines) < 1000


def test_each_collection_of_a_directory_gets_its_rules() -> None:
    images = CollectionProfile("images", CollectionKind.IMAGES, 3, 4, 1, (), unreadable_count=1)
    profile = Profile((images, CollectionProfile("users.csv", CollectionKind.TABLE, 8, 1, 1, ())))
    rules = suite_of("\n".join(propose(profile).lines)).rules
    assert [(one.collection, one.kind.value) for one in rules] == [
        ("images", "rows"),
        ("images", "unreadable"),
        ("users.csv", "rows"),
        ("users.csv", "unreadable"),
    ]


@given(st.text(max_size=12))
def test_any_text_is_written_as_yaml(text: str) -> None:
    written = yaml_text(text)
    node = parse_yaml(f"x: {written}".encode("utf-8", "surrogatepass"), "f").plain()
    assert node["x"] == text or any(0xD800 <= ord(one) < 0xE000 for one in text)


def test_rules_are_added_after_those_that_are_there() -> None:
    before = b"# mine\nseverity: warning\nchecks:\n    b.csv:  # why\n        rows: 3\n\n# the end\n"
    after = add_rules(before, "a b.csv", ("rows: 4",), "dver.checks.yaml")
    assert after.startswith(b"# mine\nseverity: warning\nchecks:\n    b.csv:  # why\n        rows: 3\n")
    assert [one.pattern for one in parse_suite(after, "f")] == ["b.csv", "a b.csv"]
    assert b"# the end" in after
    middle = b"checks:\n  b.csv: {rows: 3}\nseverity: warning\n"
    added = add_rules(middle, "a.csv", ("rows: 4",), "f")
    assert added == b"checks:\n  b.csv: {rows: 3}\n  a.csv:\n    rows: 4\nseverity: warning\n"


@pytest.mark.parametrize(
    ("content", "what"),
    [(b"checks: {a.csv: {rows: 3}}", "already has rules"), (b"checks: {b.csv: {rows: 3}}", "is in one line")],
)
def test_other_rules_are_never_overwritten(content: bytes, what: str) -> None:
    with pytest.raises(ConflictError, match=what):
        add_rules(content, "a.csv", ("rows: 4",), "f")

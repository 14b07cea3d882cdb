from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from file_checks import FileData, checked_rule, table

from dver.checks.result import RuleOutcome
from dver.profiles.tables import profile_table

ROWS = 3000


@pytest.fixture(scope="module")
def shifted(tmp_path_factory: pytest.TempPathFactory) -> FileData:
    """A file in which `age` moved by a standard deviation from that of `v1`, and `place` did not."""
    drawn = np.random.default_rng(1)
    folder = tmp_path_factory.mktemp("drift")
    place = drawn.choice(["a", "b", "c"], ROWS)
    old = table(folder / "old.parquet", {"age": drawn.normal(40, 10, ROWS), "place": place})
    new = table(folder / "new.parquet", {"age": drawn.normal(50, 10, ROWS), "place": drawn.permutation(place)})
    return FileData(new, references={"v1": profile_table(old, old.name), "v2": profile_table(new, new.name)})


@pytest.mark.parametrize(
    ("rules", "outcome", "found"),
    [
        ("drift: {against: v1}", RuleOutcome.FAILED, "drift in age (distribution)"),
        ("drift: {against: v1, columns: [place]}", RuleOutcome.PASSED, "no drift in 1 column"),
        ("drift: {against: v1, columns: age}", RuleOutcome.FAILED, "drift in age (distribution)"),
        ("drift: {against: v2}", RuleOutcome.PASSED, "no drift in 2 columns"),
        ("drift: {against: v1, columns: [plce]}", RuleOutcome.ERROR, "no column 'plce'; did you mean 'place'?"),
    ],
)
def test_drift_compares_the_profile_with_that_of_a_version(
    shifted: FileData, rules: str, outcome: RuleOutcome, found: str
) -> None:
    result = checked_rule(shifted, rules)
    assert (result.outcome, result.found) == (outcome, found)
    assert shifted.opened == 0


def test_a_new_column_is_drift(tmp_path: Path) -> None:
    old = table(tmp_path / "old.csv", {"x": range(50)})
    new = table(tmp_path / "new.csv", {"x": range(50), "y": range(50)})
    data = FileData(new, references={"v1": profile_table(old, old.name)})
    assert checked_rule(data, "drift: {against: v1}").found == "drift in y (new column); not compared: x"

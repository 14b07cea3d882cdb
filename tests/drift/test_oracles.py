"""Drift of the same seeded data by Evidently, NannyML (recorded: `make oracles`) and scipy (live)."""

from __future__ import annotations

import json
import math
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
import scipy.stats
from drifting import table_of
from oracles.drift_data import SHIFTS, SIZES, columns

from dver.drift.comparison import compare
from dver.drift.result import ColumnDrift, DriftKind, DriftMethod
from dver.drift.settings import ColumnSettings, DriftSettings

FIXTURES: Final = Path(__file__).parents[1] / "fixtures" / "oracles"
EVIDENTLY: Final = json.loads((FIXTURES / "evidently.json").read_text())
NANNYML: Final = json.loads((FIXTURES / "nannyml_drift.json").read_text())
METHODS: Final = {
    "ks": DriftMethod.KS,
    "chisquare": DriftMethod.CHI_SQUARE,
    "z": DriftMethod.Z,
    "wasserstein": DriftMethod.WASSERSTEIN,
    "jensenshannon": DriftMethod.JENSEN_SHANNON,
}
CASES: Final = [(size, shift) for size in SIZES for shift in SHIFTS]


@cache
def tables(size: str, shift: str) -> tuple[Any, ...]:
    pairs = columns(size, shift)
    return table_of({name: one for name, (one, _) in pairs.items()}), table_of(
        {n: one for n, (_, one) in pairs.items()}
    )


def compared(size: str, shift: str, settings: DriftSettings) -> dict[str, ColumnDrift]:
    return {one.column: one for one in compare(*tables(size, shift), settings).columns}


def by_hand(size: str, shift: str, name: str, method: str, threshold: float) -> ColumnDrift:
    return compared(size, shift, DriftSettings(columns={name: ColumnSettings(DriftMethod(method), threshold)}))[name]


@pytest.mark.parametrize(("size", "shift"), CASES)
def test_methods_are_those_that_evidently_chooses(size: str, shift: str) -> None:
    expected = {name: METHODS[one["chosen"]] for name, one in EVIDENTLY["columns"][f"{size} {shift}"].items()}
    assert {name: one.method for name, one in compared(size, shift, DriftSettings()).items()} == expected


@pytest.mark.parametrize(("size", "shift"), CASES)
@pytest.mark.parametrize("method", ["ks", "chi-square", "z", "wasserstein", "jensen-shannon", "psi"])
def test_evidently_gives_the_same_verdict_with_the_same_threshold(size: str, shift: str, method: str) -> None:
    recorded = EVIDENTLY["columns"][f"{size} {shift}"]
    asked = {name: one[method] for name, one in recorded.items() if method in one}
    settings = {name: ColumnSettings(DriftMethod(method), one["threshold"]) for name, one in asked.items()}
    found = compared(size, shift, DriftSettings(columns=settings))
    drifted = {name: one["drifted"] for name, one in asked.items()}
    assert {name: DriftKind.DISTRIBUTION in found[name].kinds for name in asked} == drifted
    for name, one in asked.items():
        tests = method in ("ks", "chi-square", "z")
        score = found[name].p_value if tests else found[name].statistic
        # Small data is known exactly, but KS is asymptotic there. Sketches of large data are off by up to 1 % in ranks,
        # which adds more to Jensen-Shannon and PSI of thin ranges: of 600 other draws, 99 % are off by at most 0.05.
        allowed = 0.05 if method in ("jensen-shannon", "psi") else 0.03
        if size == "small" and method != "ks":
            allowed = 1e-9
        if not (size == "large" and method == "ks"):
            assert score == pytest.approx(one["score"], abs=allowed), name


@pytest.mark.parametrize(("size", "shift"), CASES)
def test_nannyml_computes_the_same_statistics(size: str, shift: str) -> None:
    allowed = 1e-9 if size == "small" else 0.02
    for name, one in NANNYML["columns"][f"{size} {shift}"].items():
        reference = columns(size, shift)[name][0]
        if "wasserstein" in one:
            statistic = by_hand(size, shift, name, "wasserstein", 0.1).statistic
            assert statistic == pytest.approx(one["wasserstein"] / np.std(reference), abs=allowed), name
            if name != "few" or size == "small":
                assert by_hand(size, shift, name, "ks", 0.05).statistic == pytest.approx(
                    one["kolmogorov_smirnov"], abs=allowed
                ), name
        else:
            # NannyML takes the logarithm to base 2.
            statistic = by_hand(size, shift, name, "jensen-shannon", 0.1).statistic
            assert statistic == pytest.approx(one["jensen_shannon"] * math.sqrt(math.log(2)), abs=1e-9), name


@pytest.mark.parametrize("rows", [(5, 8), (40, 60), (300, 250), (900, 40)])
def test_p_values_are_those_of_scipy(rows: tuple[int, int]) -> None:
    random = np.random.default_rng(3)
    reference, live = random.standard_normal(rows[0]), random.standard_normal(rows[1]) + 0.4
    expected = scipy.stats.ks_2samp(reference, live)
    found = compare(table_of({"x": reference}), table_of({"x": live})).columns[0]
    assert found.statistic == pytest.approx(expected.statistic, abs=1e-12)
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-6)


def test_the_chi_square_test_of_two_samples_is_that_of_scipy() -> None:
    random = np.random.default_rng(3)
    reference, live = random.choice(["a", "b", "c"], 500), random.choice(["a", "b", "c"], 300, p=[0.4, 0.3, 0.3])
    counts = [[int((one == name).sum()) for name in "abc"] for one in (reference, live)]
    expected = scipy.stats.chi2_contingency(counts)
    found = compare(table_of({"x": reference}), table_of({"x": live})).columns[0]
    assert found.method is DriftMethod.CHI_SQUARE
    assert found.statistic == pytest.approx(expected.statistic)
    assert found.p_value == pytest.approx(expected.pvalue)


def test_the_distance_of_known_values_is_that_of_scipy() -> None:
    random = np.random.default_rng(3)
    reference, live = random.exponential(size=1020), random.exponential(size=700) * 1.1
    expected = scipy.stats.wasserstein_distance(reference, live) / np.std(reference)
    assert compare(table_of({"x": reference}), table_of({"x": live})).columns[0].statistic == pytest.approx(expected)

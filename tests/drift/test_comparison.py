"""Two profiles compared: kinds of drift, and what is not compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from drifting import table_of

from dver.core.errors import CorruptError, UsageError
from dver.drift.comparison import compare
from dver.drift.result import ColumnDrift, DriftKind, DriftMethod
from dver.drift.settings import ColumnSettings, DriftSettings
from dver.formats.profile import CollectionProfile
from dver.profiles.tables import profile_table

SIZE = 3000


def draws(seed: int, size: int = SIZE) -> Any:
    return np.random.default_rng(seed).standard_normal(size)


def words(seed: int, shares: Mapping[str, float], size: int = SIZE) -> Any:
    return np.random.default_rng(seed).choice(list(shares), size, p=list(shares.values()))


def compared(reference: Any, live: Any, settings: DriftSettings | None = None) -> ColumnDrift:
    """One column compared."""
    found = compare(table_of({"x": reference}), table_of({"x": live}), settings or DriftSettings())
    return found.columns[0]


def test_equal_distributions_do_not_drift() -> None:
    found = compared(draws(1), draws(2))
    assert not found.drifted
    assert found.method is DriftMethod.WASSERSTEIN
    assert found.statistic is not None
    assert found.threshold is not None
    assert 0 < found.statistic < found.threshold


@pytest.mark.parametrize(("size", "shift"), [(10_000, 0.1), (300, 1.0)])
@pytest.mark.parametrize("seed", range(3))
def test_a_shift_is_found_among_twenty_columns(size: int, shift: float, seed: int) -> None:
    reference = {f"c{index}": draws(100 * seed + index, size) for index in range(20)}
    live = {f"c{index}": draws(100 * seed + 50 + index, size) for index in range(20)}
    live["c7"] = live["c7"] + shift
    found = compare(table_of(reference), table_of(live))
    assert [one.column for one in found.drifted] == ["c7"]


@pytest.mark.parametrize(
    ("rows", "values", "method"),
    [
        (1000, "numbers", DriftMethod.KS),
        (1001, "numbers", DriftMethod.WASSERSTEIN),
        (1000, "letters", DriftMethod.CHI_SQUARE),
        (1001, "letters", DriftMethod.JENSEN_SHANNON),
        (1000, "bits", DriftMethod.Z),
        (1000, "digits", DriftMethod.CHI_SQUARE),
        (1001, "digits", DriftMethod.JENSEN_SHANNON),
    ],
)
def test_the_method_follows_from_type_and_size(rows: int, values: str, method: DriftMethod) -> None:
    made = {
        "numbers": draws(1, rows),
        "letters": words(1, {"a": 0.5, "b": 0.3, "c": 0.2}, rows),
        "bits": draws(1, rows) > 0,
        "digits": np.random.default_rng(1).integers(0, 5, rows),
    }[values]
    assert compared(made, made).method is method


def test_missing_and_new_columns_drift() -> None:
    found = compare(table_of({"a": draws(1), "b": draws(2)}), table_of({"c": draws(3), "a": draws(4)}))
    assert [(one.column, one.kinds) for one in found.columns] == [
        ("a", ()),
        ("b", (DriftKind.MISSING_COLUMN,)),
        ("c", (DriftKind.NEW_COLUMN,)),
    ]


def test_a_column_that_became_text_changed_its_type() -> None:
    found = compared(draws(1), words(1, {"a": 0.5, "b": 0.5}))
    assert found.kinds == (DriftKind.TYPE,)
    assert found.details == ("type: text, number in the reference",)
    assert found.method is None


def test_integers_and_other_numbers_are_one_type() -> None:
    counts = np.random.default_rng(1).integers(0, 100, SIZE)
    assert not compared(counts, np.random.default_rng(2).integers(0, 100, SIZE).astype(float)).drifted


def test_texts_that_all_look_like_numbers_do_not_change_the_type_of_codes() -> None:
    codes = table_of({"x": words(1, {"17": 0.9, "A4": 0.1})})
    codes = replace(codes, columns=(replace(codes.columns[0], mixed=2700),))
    found = compare(codes, table_of({"x": np.full(40, 17)}))
    assert not found.drifted
    assert found.columns[0].why == "the types differ: text in the reference, integer in the live data"


def test_a_frequent_new_value_drifts() -> None:
    found = compared(words(1, {"a": 0.5, "b": 0.5}), words(2, {"a": 0.5, "b": 0.49, "new": 0.01}))
    assert DriftKind.NEW_VALUES in found.kinds
    assert found.new_values == ("new",)


def test_a_new_value_that_chance_explains_is_only_listed() -> None:
    reference = words(1, {"a": 0.5, "b": 0.5})
    live = reference.astype("<U9")
    live[0] = "rare"
    found = compared(reference, live)
    assert not found.drifted
    assert found.new_values == ("rare",)


def test_more_nulls_drift() -> None:
    live = draws(2)
    live[:90] = np.nan
    found = compared(draws(1), live)
    assert found.kinds == (DriftKind.NULLS,)
    assert found.details == ("nulls: 3.0 %, 0.0 % in the reference",)


def test_infinities_count_as_nulls() -> None:
    live = draws(2)
    live[:90] = np.inf
    assert compared(draws(1), live).kinds == (DriftKind.NULLS,)


def test_a_column_that_became_empty_has_drifted_nulls() -> None:
    found = compared(draws(1), np.full(SIZE, np.nan))
    assert found.kinds == (DriftKind.NULLS,)
    assert found.why == "the live data has no values in this column"


def test_live_data_without_rows_does_not_drift() -> None:
    found = compare(table_of({"x": draws(1), "y": draws(1)}), table_of({"x": draws(1, 0), "y": draws(1, 0)}))
    assert not found.drifted
    assert {one.why for one in found.columns} == {"the live data has no rows"}


@pytest.mark.parametrize("rows", [1, 2, 5])
@pytest.mark.parametrize("reference_rows", [300, 3000])
def test_a_few_live_rows_raise_no_alarm_on_their_own(rows: int, reference_rows: int) -> None:
    for seed in range(20):
        assert not compared(draws(seed, reference_rows), draws(100 + seed, rows)).drifted


def many_words(seed: int, extra: float = 0.0) -> Any:
    """Texts with more values than a profile counts, a share `extra` of them the same."""
    random = np.random.default_rng(seed)
    rare = [f"{index:05}" for index in (random.random(20_000) ** 3 * 6000).astype(int)]
    return np.where(random.random(20_000) < extra, "extra", rare)


def test_columns_of_many_texts_are_compared_by_the_frequent_ones() -> None:
    assert not compared(many_words(1), many_words(2)).drifted
    assert compared(many_words(1), many_words(2, 0.02)).drifted
    assert compared(many_words(1, 0.02), many_words(2)).drifted


def test_parts_without_a_common_value_do_not_stop_a_comparison() -> None:
    reference = np.concatenate([np.repeat([f"{part}-{index}" for index in range(40)], 10) for part in range(20)])
    found = compared(reference, np.random.default_rng(1).permutation(reference))
    assert found.method is DriftMethod.JENSEN_SHANNON
    assert not found.drifted


def test_a_damaged_sketch_is_an_error() -> None:
    table = table_of({"x": draws(1)})
    numbers = table.columns[0].numbers
    assert numbers is not None
    damaged = replace(table.columns[0], numbers=replace(numbers, quantiles=b"K?"))
    with pytest.raises(CorruptError):
        compare(table, replace(table, columns=(damaged,)))


def test_a_constant_column_drifts_when_its_constant_changes() -> None:
    assert not compared(np.full(SIZE, 7), np.full(SIZE, 7)).drifted
    assert compared(np.full(SIZE, 7), np.full(SIZE, 8)).drifted
    assert compared(np.full(SIZE, 7.0), draws(1)).drifted


def test_row_numbers_are_not_compared() -> None:
    found = compared(np.arange(SIZE), np.arange(SIZE, 2 * SIZE))
    assert not found.drifted
    assert found.why == "it numbers the rows: each value occurs once"


def test_identifiers_are_not_compared() -> None:
    found = compared([f"u{index}" for index in range(400)], [f"v{index}" for index in range(400)])
    assert not found.drifted
    assert found.why == "most values occur once, as in identifiers and free text"


def test_times_are_compared_on_request_only() -> None:
    days = np.datetime64("2026-01-01", "s") + np.arange(SIZE)
    assert compared(days, days + 10**6).why == "times differ in all later data; they are compared on request"
    assert compared(days, days + 10**6, DriftSettings(times=True)).drifted


def test_samples_that_do_not_overlap_have_a_threshold() -> None:
    found = compared(draws(1, 60), draws(2, 60) + 50)
    assert found.statistic == 1.0
    assert found.threshold is not None
    assert 0.2 < found.threshold < 0.6


def test_ignored_columns_do_not_drift() -> None:
    settings = DriftSettings(ignored={"x", "y"})
    found = compare(table_of({"x": draws(1)}), table_of({"x": draws(1) + 9, "y": draws(2)}), settings)
    assert not found.drifted


def test_columns_with_the_same_name_are_paired_in_order() -> None:
    columns = table_of({"x": draws(1), "y": draws(2) + 9}).columns
    twins = replace(table_of({"x": draws(1)}), columns=tuple(replace(one, name="x") for one in columns))
    assert not compare(twins, twins).drifted
    swapped = replace(twins, columns=twins.columns[::-1])
    assert [one.drifted for one in compare(twins, swapped).columns] == [True, True]


def test_private_columns_of_text_are_not_compared() -> None:
    table = table_of({"x": words(1, {"a": 0.5, "b": 0.5})})
    private = replace(table, columns=(replace(table.columns[0], counts=None, private=True),))
    assert compare(private, private).columns[0].why == "its values are private"


def test_extreme_numbers_are_compared() -> None:
    huge = np.where(draws(1) > 0, 1.0, -1.0) * np.random.default_rng(3).random(SIZE) * 1e140
    assert not compared(huge, huge[::-1].copy()).drifted
    assert compared(huge, huge / 10).drifted


def test_a_threshold_is_never_negative() -> None:
    found = compared(draws(1, 10_000), draws(2, 3000) + 99, DriftSettings(numbers=DriftMethod.PSI))
    assert found.drifted
    assert found.threshold == 0


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "method", [DriftMethod.KS, DriftMethod.WASSERSTEIN, DriftMethod.JENSEN_SHANNON, DriftMethod.PSI]
)
def test_numbers_whose_range_is_no_number_are_compared(tmp_path: Path, method: DriftMethod) -> None:
    def profiled(values: Any) -> CollectionProfile:
        pq.write_table(pa.table({"x": values}), tmp_path / "x.parquet")
        found = profile_table(tmp_path / "x.parquet", "x.parquet").table
        assert found is not None
        return found

    whole = np.random.default_rng(3).uniform(-1, 1, SIZE) * 1.7e308
    reference, settings = profiled(whole), DriftSettings(numbers=method)
    assert not compare(reference, profiled(whole[::-1]), settings).drifted
    assert compare(reference, profiled(whole / 2), settings).drifted


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (DriftSettings(columns={"z": ColumnSettings()}), "no column named 'z'"),
        (DriftSettings(columns={"x": ColumnSettings(threshold=-1.0)}), "threshold -1 of column 'x' is impossible"),
        (DriftSettings(columns={"x": ColumnSettings(threshold=float("nan"))}), "threshold nan of column"),
        (DriftSettings(columns={"x": ColumnSettings(DriftMethod.Z)}), "method z does not fit column 'x'"),
        (DriftSettings(columns={"x": ColumnSettings(DriftMethod.CHI_SQUARE)}), "method chi-square does not fit"),
        (DriftSettings(columns={"w": ColumnSettings(DriftMethod.KS)}), "method ks does not fit column 'w'"),
        (DriftSettings(false_alarms=0), "false alarms of 0 are impossible"),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings: DriftSettings, message: str) -> None:
    table = table_of({"x": draws(1), "w": words(1, {"a": 0.5, "b": 0.5})})
    with pytest.raises(UsageError, match=message) as caught:
        compare(table, table, settings)
    assert caught.value.why
    assert caught.value.fix


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("threshold", [None, 0.01])
@pytest.mark.parametrize("shift", [0, 9])
def test_chi_square_judges_integers_with_a_cell_that_is_empty_on_both_sides(
    threshold: float | None, shift: int
) -> None:
    ages = np.clip(40 + 12 * draws(1, 5000), 17, 90).astype(int)
    settings = DriftSettings(columns={"x": ColumnSettings(DriftMethod.CHI_SQUARE, threshold)})
    found = compared(ages, ages[::2] + shift, settings)
    assert found.statistic is not None
    assert np.isfinite(found.statistic)
    assert found.drifted is bool(shift)


def test_chi_square_with_a_threshold_of_its_own_is_finite_for_a_value_that_the_reference_does_not_have() -> None:
    reference = ["a", "b"] * 250
    settings = DriftSettings(columns={"x": ColumnSettings(DriftMethod.CHI_SQUARE, 0.01)})
    for new, drifted in ((1, False), (100, True)):
        live = [*reference[new:], *["c"] * new]
        found = compared(reference, live, settings)
        assert found.statistic is not None
        assert np.isfinite(found.statistic)
        assert (DriftKind.DISTRIBUTION in found.kinds) is drifted

"""The bars of columns."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from profile_samples import numbers_of

from dver.formats.profile import ColumnProfile, ColumnType, Value, ValueCounts
from dver.reports.quality.charts import histogram_svg
from dver.reports.quality.distributions import Distribution, distribution_of
from dver.reports.quality.figures import figure_text, share_text, value_text

SEEDED = np.random.default_rng(5)


def bars(values: object, kind: ColumnType = ColumnType.NUMBER) -> Distribution:
    found = distribution_of(ColumnProfile("x", kind, 10, 0, numbers=numbers_of(values)))  # type: ignore[arg-type]
    assert found is not None
    return found


def test_bars_of_numbers_follow_their_distribution() -> None:
    values = SEEDED.normal(size=1000)
    found = bars(values)
    expected = np.histogram(values, len(found.bars))[0]
    assert found.bars == pytest.approx((expected / expected.max()).tolist(), abs=0.02)
    assert (found.low, found.high) == (figure_text(values.min()), figure_text(values.max()))


def test_integers_are_spread_evenly() -> None:
    assert bars(np.repeat(np.arange(30), 9), ColumnType.INTEGER).bars == pytest.approx([1.0] * 15)
    assert bars(np.repeat(np.arange(1, 53), 9), ColumnType.INTEGER).bars == pytest.approx([1.0] * 13)
    assert bars(np.repeat(np.arange(53), 9), ColumnType.INTEGER).bars == pytest.approx([1.0] * 18)
    assert min(bars(np.arange(1, 301, 3), ColumnType.INTEGER).bars) > 0.8
    assert bars([1, 2, 2, 4], ColumnType.INTEGER).bars == pytest.approx([0.5, 1, 0, 0.5])


def test_outliers_are_left_out_of_the_picture() -> None:
    found = bars([*SEEDED.normal(size=1000), 1e9])
    assert found.label.startswith("the inner 98 % of values from")
    assert sum(one > 0.1 for one in found.bars) > 10


def test_equal_values_are_one_bar() -> None:
    assert bars([3, 3, 3]).bars == (1.0,)


@pytest.mark.parametrize("values", [[1.0, np.nextafter(1.0, 2)], [0, 5e-324], [-(2**53), 2**62]])
def test_extreme_numbers_have_bars_or_none(values: list[float]) -> None:
    found = distribution_of(ColumnProfile("x", ColumnType.INTEGER, 2, 0, numbers=numbers_of(values)))
    assert found is None or all(0 <= one <= 1 for one in found.bars)


def test_numbers_that_are_too_far_apart_have_no_bars() -> None:
    summary = replace(numbers_of([0.0]), minimum=-1e308, maximum=1e308)
    assert distribution_of(ColumnProfile("x", ColumnType.NUMBER, 2, 0, numbers=summary)) is None


def column(counts: list[tuple[Value, int]], count: int) -> ColumnProfile:
    return ColumnProfile(
        "x", ColumnType.TEXT, count, 0, lengths=numbers_of([1, 2, 9]), counts=ValueCounts(tuple(counts), complete=True)
    )


def test_the_last_bar_stands_for_other_values() -> None:
    found = distribution_of(column([("a", 50), ("b", 25)], 100))
    assert found is not None
    assert (found.bars, found.rest) == ((1.0, 0.5, 0.5), True)


def test_texts_that_nearly_all_differ_show_their_lengths() -> None:
    found = distribution_of(column([(str(at), 1) for at in range(64)], 10_000))
    assert found is not None
    assert found.label.startswith("lengths from 1 to 9")


def test_a_label_with_markup_is_text() -> None:
    found = distribution_of(column([('"><script>', 50)], 50))
    assert found is not None
    assert "<script" not in histogram_svg(found)


def test_a_rare_value_has_a_visible_bar() -> None:
    assert "M12 34v-1h" in histogram_svg(Distribution((1.0, 0.0001), "x")).replace("M24", "M12")


@pytest.mark.parametrize(
    ("share", "text"),
    [(0, "0 %"), (1, "100 %"), (1e-9, "< 0.1 %"), (1 - 1e-9, "> 99.9 %"), (0.0123, "1.23 %"), (0.5, "50.0 %")],
)
def test_a_share_is_exact_at_its_ends(share: float, text: str) -> None:
    assert share_text(share) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [(1234567, "1,234,567"), (0.123456, "0.1235"), (12345.6, "12,346"), (2.0, "2"), (1e300, "1e+300"), (-0.5, "-0.5")],
)
def test_numbers_are_short(number: float, text: str) -> None:
    assert figure_text(number) == text


def test_values_are_one_short_line() -> None:
    assert value_text("a\nb") == r"a\nb"
    assert len(value_text("x" * 10_000_000)) == 60
    assert value_text(True) == "true"

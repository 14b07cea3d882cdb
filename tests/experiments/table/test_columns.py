from __future__ import annotations

import math
from typing import Any

from experimenting import baseline_row, experiment, row
from hypothesis import given
from hypothesis import strategies as st

from dver.experiments.table.columns import ColumnKind, Names, columns_of, differing
from dver.pipelines.compare.values import ValueChange
from dver.pipelines.definition.param_files import ABSENT


def titles(*rows: Any) -> list[str]:
    return [one.title for one in columns_of(rows)]


def changed(*rows: Any) -> list[str]:
    columns = columns_of(rows)
    found = differing(columns, rows)
    return [one.title for one in columns if one in found]


def test_metrics_come_first_then_parameters_then_data() -> None:
    assert titles(row(1, {"auc": 1}, {"lr": 2}, data={"d": "00"})) == ["auc", "lr", "d"]


def test_a_title_has_the_file_only_where_the_key_is_ambiguous() -> None:
    one = row(1, {"auc": 1, "loss": 2}, {"loss": 3, "name": "x"})
    assert titles(one) == ["auc", "metrics.json:loss", "params.yaml:loss", "params.yaml:name"]
    same = row(1, metrics={}, params={}, data={"f": "00"})
    assert titles(same) == ["f"]


def test_data_that_only_some_rows_have_differs() -> None:
    assert changed(row(1, data={"d": "00"}), row(2)) == ["d"]


def test_a_title_has_the_part_of_the_path_that_differs() -> None:
    def of(*files: str) -> list[str]:
        return titles(experiment(1, metrics={file: {"acc": 1} for file in files}))

    assert of("results/forest/metrics.json", "results/linear/metrics.json") == ["forest:acc", "linear:acc"]
    assert of("a/x/m.json", "a/y/m.json", "a/y/z/m.json") == ["x:acc", "y:acc", "y/z:acc"]
    assert of("m.json", "a/m.json") == ["m.json:acc", "a/m.json:acc"]
    assert of("a/m.json", "a/n.json") == ["m.json:acc", "n.json:acc"]
    assert of("x", "x/y") == ["x:acc", "x/y:acc"]


def test_columns_are_found_by_their_titles_and_by_parts_of_their_paths() -> None:
    both = experiment(1, metrics={f"results/{name}/m.json": {"acc": 1} for name in ("forest", "linear")})
    names = Names(columns_of([both]))
    for name in ("forest:acc", "results/forest/m.json:acc"):
        assert names.column(name).file == "results/forest/m.json"
    one = Names(columns_of([experiment(1, metrics={"results/forest/m.json": {"acc": 1}})]))
    assert one.column("acc") == one.column("forest:acc")


def test_titles_are_unique_even_if_a_file_has_parameters_and_metrics() -> None:
    both = experiment(1, metrics={"a.json": {"x": 1}}, params={"a.json": {"x": 1}})
    assert titles(both) == ["metric:a.json:x", "param:a.json:x"]


def test_values_that_differ_are_found_also_added_ones() -> None:
    one = row(1, {"auc": 1.0}, {"lr": 0.1, "same": [1], "nan": math.nan, "seed": 1}, data={"d": "00", "e": "11"})
    two = row(
        2,
        {"auc": 1},
        {"lr": 0.2, "same": [1], "nan": float("nan"), "new": 1, "seed": True},
        data={"d": "01", "e": "11"},
    )
    assert changed(one, two) == ["lr", "seed", "new", "d"]


def test_rows_without_parameters_do_not_make_all_of_them_differ() -> None:
    assert changed(row(1, {"auc": 1}, {"lr": 1}), row(2), baseline_row()) == []
    assert changed(row(1, params={"lr": 1, "b": 1}), row(2, params={"b": 1})) == ["lr"]


small = st.dictionaries(st.sampled_from("abc"), st.sampled_from([0, 1, True, False, 1.0, math.nan, "x", None]))


@given(st.lists(small, min_size=1, max_size=5))
def test_differing_columns_are_those_with_two_different_values(found: list[dict[str, Any]]) -> None:
    rows = [row(at, params=params) for at, params in enumerate(found)]
    full = [one for one in found if one]
    keys = {key for one in full for key in one}
    expected = {
        key
        for key in keys
        if any(ValueChange("", full[0].get(key, ABSENT), one.get(key, ABSENT)).differs for one in full)
    }
    columns = columns_of(rows)
    assert {one.key for one in differing(columns, rows)} == expected
    assert all(one.kind is ColumnKind.PARAM for one in columns)

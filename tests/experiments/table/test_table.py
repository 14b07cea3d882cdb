from __future__ import annotations

from collections.abc import Sequence

import pytest
from experimenting import BASELINE, baseline_row, row

from dver.core.errors import UsageError
from dver.experiments.table.rows import ReferenceRow
from dver.experiments.table.table import ExperimentTable, HiddenExperiments, TableQuery, build_table
from dver.formats.experiment import Experiment

OTHER = "b" * 40
WORKSPACE = ReferenceRow(name="workspace", params={"params.yaml": {"lr": 0.5}})
ROWS = [
    row(1, {"auc": 0.7}, {"lr": 0.1, "depth": 3}),
    row(2, {"auc": 0.9}, {"lr": 0.2, "depth": 3}, baseline=OTHER),
    row(3, {"auc": 0.8}, {"lr": 0.3, "depth": 3}),
]


def baselines(commits: Sequence[str]) -> dict[str, ReferenceRow]:
    return {one: baseline_row(one) for one in commits}


def table(query: TableQuery | None = None, rows: Sequence[Experiment] = ROWS, head: str = BASELINE) -> ExperimentTable:
    return build_table(
        rows, query or TableQuery(), workspace=WORKSPACE, baselines_of=baselines, head=head, other_branches=4
    )


def names(found: ExperimentTable) -> list[str]:
    return [one.name for one in found.rows]


def test_experiments_are_below_their_baselines_the_latest_first() -> None:
    assert names(table()) == ["workspace", "aaaaaaaa", "exp-3", "exp-1", "bbbbbbbb", "exp-2"]
    assert names(table(head=OTHER)) == ["workspace", "bbbbbbbb", "exp-2", "aaaaaaaa", "exp-3", "exp-1"]


def test_head_is_shown_without_experiments_too() -> None:
    assert names(table(head="c" * 40))[:3] == ["workspace", "cccccccc", "aaaaaaaa"]


def test_an_order_ranks_the_experiments_of_all_baselines() -> None:
    found = table(TableQuery(sort=("-auc",), limit=2))
    assert names(found) == ["workspace", "aaaaaaaa", "bbbbbbbb", "exp-2", "exp-3"]
    assert found.is_sorted
    assert found.hidden == HiddenExperiments(other_branches=4, over_limit=1)


def test_a_filter_and_a_limit_count_what_they_hide() -> None:
    found = table(TableQuery(filter="auc > 0.75", limit=1))
    assert names(found) == ["workspace", "aaaaaaaa", "exp-3"]
    assert found.hidden == HiddenExperiments(other_branches=4, filtered=1, over_limit=1)


def test_only_parameters_that_differ_are_columns() -> None:
    same = [row(at, {"auc": 1, "n": at}, {"lr": 1, "depth": 3}) for at in range(2)]
    assert [one.title for one in table(rows=same).columns] == ["auc", "n", "lr", "depth"]
    assert [one.title for one in table(TableQuery(only_changed=True), rows=same).columns] == ["n", "lr", "depth"]


def test_all_parameters_are_columns_on_request() -> None:
    same = [row(at, {"auc": 1}, {"lr": 0.5}) for at in range(2)]
    assert [one.title for one in table(rows=same).columns] == ["auc"]
    assert [one.title for one in table(TableQuery(all_params=True), rows=same).columns] == ["auc", "lr"]


def test_a_name_that_a_filter_hides_is_still_a_key_for_the_order() -> None:
    only = [*ROWS, row(4, {"rare": 1})]
    assert names(table(TableQuery(filter="auc > 0.85", sort=("rare",)), only))[-1] == "exp-2"


def test_unknown_names_are_refused() -> None:
    with pytest.raises(UsageError, match="acu"):
        table(TableQuery(sort=("acu",)))


def test_a_notebook_shows_the_table() -> None:
    assert "exp-3" in table()._repr_html_()

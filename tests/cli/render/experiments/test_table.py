from __future__ import annotations

import csv
import io
import json
import math
from typing import Any

import pytest
from experimenting import BASELINE, baseline_row, row

from dver.cli.context import Context
from dver.cli.render.experiments.table import (
    experiment_json,
    notes,
    print_experiments_csv,
    print_experiments_md,
    table_lines,
)
from dver.cli.render.json_output import encode_list
from dver.cli.render.terminal import Style, display_width
from dver.experiments.table.rows import ReferenceRow
from dver.experiments.table.table import ExperimentTable, HiddenExperiments, TableQuery, build_table
from dver.formats.experiment import Experiment, ExperimentStatus

PLAIN = Style(enabled=False)
ROWS = [
    row(1, {"auc": 0.75}, {"lr": 0.1, "opt": "adam"}, data={"data": "ab" * 32}),
    row(2, {"auc": 0.5}, {"lr": 0.2, "opt": None}, name="größer", data={"data": "cd" * 32}),
    row(3, status=ExperimentStatus.FAILED, name="bad\nname"),
]


def table(*rows: Experiment, query: TableQuery | None = None) -> ExperimentTable:
    workspace = ReferenceRow(name="workspace", params={"params.yaml": {"lr": 0.1, "opt": "adam"}})
    return build_table(
        rows or ROWS,
        query or TableQuery(),
        workspace=workspace,
        baselines_of=lambda commits: {one: baseline_row(one, name="main") for one in commits},
        head=BASELINE,
    )


def lines(found: ExperimentTable, width: int | None = None, style: Style = PLAIN) -> list[str]:
    return table_lines(found, style, precision=5, width=width)[0]


def test_experiments_are_indented_below_their_baseline() -> None:
    found = [line.split() for line in lines(table())]
    assert found[0] == ["experiment", "created", "status", "auc", "lr", "opt", "data"]
    assert found[1] == ["workspace", "0.1", "adam"]
    assert found[2] == ["main"]
    assert [line[:3] for line in lines(table())[3:]] == ['  "', "  g", "  e"]
    assert found[-1] == ["exp-1", "Nov", "14", "2023", "done", "0.75", "0.1", "adam", "abababa"]
    assert '"bad\\nname"' in lines(table())[3]


def test_all_cells_of_a_column_begin_or_end_in_the_same_place() -> None:
    found = lines(table())
    end = found[0].index("auc") + len("auc")
    assert [display_width(line[:end]) for line in found[-2:]] == [end, end]
    assert found[-1][:end].endswith(" 0.75")


def test_colours_do_not_move_columns() -> None:
    plain, coloured = lines(table()), lines(table(), style=Style(enabled=True))
    assert [display_width(one) for one in coloured] == [display_width(one) for one in plain]
    assert "\x1b[31mfailed\x1b[0m" in coloured[3]


def test_a_ranking_names_the_baselines() -> None:
    two = [ROWS[0], row(4, {"auc": 1.0}, baseline="b" * 40)]
    found = lines(table(*two, query=TableQuery(sort=("-auc",))))
    assert "baseline" in found[0]
    assert found[-2].startswith("exp-4")


def test_columns_that_do_not_fit_are_named() -> None:
    metrics = {f"metric_{number}": 0.5 for number in range(9)}
    many = [row(at, metrics, {"lr": at / 10, "batch": at}) for at in range(3)]
    found, omitted = table_lines(table(*many), PLAIN, precision=5, width=80)
    assert max(map(len, found)) <= 80
    assert found[0].split()[3:] == ["metric_0", "metric_1", "metric_2", "lr", "opt", "batch"]
    assert omitted == [f"metric_{number}" for number in range(3, 9)]
    (note,) = notes(table(*many), omitted)
    assert note.startswith("6 more columns not shown: metric_3, metric_4")


def test_a_terminal_that_is_too_narrow_for_all_columns_shows_cut_lines() -> None:
    found, omitted = table_lines(table(), PLAIN, precision=5, width=20)
    assert max(map(display_width, found)) <= 20
    assert omitted == ["auc", "lr", "opt", "data"]


def test_long_names_and_values_are_cut() -> None:
    one = row(1, {"auc": 1}, {"text": "x" * 500}, name="n" * 150)
    assert max(map(len, lines(table(one, ROWS[0])))) < 130


def test_notes_say_what_is_hidden_and_how_to_see_it() -> None:
    found = list(notes(ExperimentTable((), (), HiddenExperiments(12, 1, 3)), ()))
    assert found == [
        "1 experiment did not match the filter",
        "3 more experiments not shown because of -n",
        "12 experiments of other branches not shown: dver exp show -A",
    ]


def test_json_has_one_object_for_each_experiment(capsys: pytest.CaptureFixture[str]) -> None:
    odd = row(1, {"loss": math.nan, "gain": math.inf}, {"big": 10**40, "ü": "\udcff"})
    (found,) = json.loads(encode_list([experiment_json(odd)]))
    assert found["metrics"] == {"metrics.json": {"loss": "NaN", "gain": "Infinity"}}
    assert found["params"] == {"params.yaml": {"big": 10**40, "ü": "\udcff"}}
    assert found["status"] == "done"
    assert json.loads(encode_list([])) == []


def test_csv_has_all_digits_and_quotes_what_it_must(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    values: dict[str, Any] = {"lr": 0.1 + 0.2, "text": 'a,"b"\nc'}
    print_experiments_csv(Context(), table(row(1, {"auc": 1 / 3}, values), row(2, params={"lr": 1})))
    second, first = csv.DictReader(io.StringIO(capsysbinary.readouterr().out.decode()))
    assert (first["lr"], first["text"], first["auc"]) == ("0.30000000000000004", 'a,"b"\nc', "0.3333333333333333")
    assert (second["lr"], second["text"]) == ("1", "")
    assert first["created"] == "2023-11-14T22:13:21+00:00"


def test_markdown_escapes_what_it_would_interpret(capsys: pytest.CaptureFixture[str]) -> None:
    print_experiments_md(Context(), table(row(1, {"auc": 1}, name="<b>|*x*")), precision=5)
    assert "| \\<b\\>\\|\\*x\\* |" in capsys.readouterr().out

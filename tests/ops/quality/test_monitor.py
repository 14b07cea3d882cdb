"""Live data compared with a reference: drift, windows, performance, history."""

from __future__ import annotations

import gzip
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from monitoring_projects import make_monitored, rows, run_monitor, write_rows
from oracles import monitoring_data
from pyarrow import csv, feather, parquet
from workspaces import Project

from dver.core.errors import ConflictError, DverError, MissingObjectError, UsageError
from dver.core.oid import Oid
from dver.formats.monitor_history import MonitoredMetric
from dver.monitoring import baseline_rows, live_data, window_performance
from dver.monitoring.history import read_history
from dver.monitoring.references import split_revision
from dver.ops.maintain.gc import gc
from dver.ops.maintain.gc_remote import gc_remote
from dver.ops.share.push import push
from dver.ops.share.remote import add as add_remote
from dver.profile_cache.kept_objects import kept_for
from dver.profile_cache.profiles import known_profile
from dver.profiles.tables import profile_table
from dver.repo import Repository

OUTPUTS = {"prediction": "prediction", "score": "score", "target": "target"}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return make_monitored(tmp_path_factory.mktemp("monitored") / "project")


@pytest.fixture
def project(shared: Project) -> Iterator[Project]:
    """The project, without what a test before has written."""
    yield shared
    shared.git("reset", "--quiet", "--hard")
    shared.git("clean", "-fdxq", "--exclude=train.csv")


def live(project: Project, name: str = "live.csv", *, without: tuple[str, ...] = (), **options: Any) -> Path:
    return write_rows(project.root / name, rows(500, **{"seed": 2, **options}), without=without)


def test_live_data_like_the_reference_raises_no_alarm(project: Project) -> None:
    live(project)
    result = run_monitor(project, "live.csv")
    assert not result.alarm
    (window,) = result.history
    assert (window.rows, window.drifted, window.sources, window.reference) == (500, (), ("live.csv",), "train.csv")


def test_a_shifted_column_raises_an_alarm_that_names_it(project: Project) -> None:
    live(project, shift=1.0)
    result = run_monitor(project, "live.csv")
    assert result.alarm
    (column,) = result.windows[0].window.drifted
    assert (column.name, column.kinds, column.role) == ("amount", ("distribution",), "")
    assert column.statistic is not None
    assert column.threshold is not None


def test_changes_of_columns_are_alarms(project: Project) -> None:
    table = rows(500, seed=2)
    table["new"] = table.pop("score")
    table["country"] = ["d" if at % 5 == 0 else one for at, one in enumerate(table["country"])]
    table["amount"] = ["much"] * 500
    write_rows(project.root / "live.csv", table)
    found = {one.name: one for one in run_monitor(project, "live.csv").windows[0].window.drifted}
    assert "new column" in found["new"].kinds
    assert "missing column" in found["score"].kinds
    assert "type" in found["amount"].kinds
    assert "new values" in found["country"].kinds
    assert found["country"].new_values == 1


def test_the_history_has_no_values_of_data(project: Project) -> None:
    table = rows(500, seed=2)
    table["country"] = ["secret-value"] * 500
    write_rows(project.root / "live.csv", table)
    run_monitor(project, "live.csv")
    assert "secret-value" not in (project.root / "dver.monitor/train.jsonl").read_text()


def test_drift_of_the_output_is_named_as_such(project: Project) -> None:
    table = rows(500, seed=2)
    table["prediction"] = [1] * 500
    table["score"] = [0.9 - at / 5000 for at in range(500)]
    write_rows(project.root / "live.csv", table, without=("target",))
    found = run_monitor(project, "live.csv", **OUTPUTS).windows[0].window.drifted
    assert {one.name: one.role for one in found} == {"prediction": "prediction", "score": "score"}


def test_outputs_that_training_data_lacks_are_compared_with_the_baseline(project: Project) -> None:
    write_rows(project.root / "inputs.csv", rows(2000), without=("prediction", "score"))
    table = rows(500, seed=2)
    table["prediction"] = [1] * 500
    write_rows(project.root / "live.csv", table, without=("target",))
    plain = run_monitor(project, "live.csv", reference="inputs.csv", **OUTPUTS).windows[0].window
    assert plain.drifted == ()
    assert "--baseline" in plain.notes[0]
    found = run_monitor(project, "live.csv", reference="inputs.csv", baseline="train.csv", **OUTPUTS)
    assert [one.name for one in found.windows[0].window.drifted] == ["prediction"]
    assert {one.name for one in found.windows[0].window.metrics} >= {"accuracy", "roc_auc"}


def test_sources_are_relative_to_the_worktree_and_windows_of_one_second_keep_the_order(project: Project) -> None:
    names = ("z.csv", "a.csv", "m.csv")
    for seed, name in enumerate(names):
        (project.root / "in").mkdir(exist_ok=True)
        live(project, f"in/{name}", seed=seed)
        os.utime(project.root / "in" / name, (1_790_000_000, 1_790_000_000))
    (project.root / "in/deep").mkdir()
    found = run_monitor(
        project, *(f"../{name}" for name in names), reference="../../train.csv", cwd=project.root / "in/deep"
    )
    assert [one.window.sources for one in found.windows] == [(f"in/{name}",) for name in names]


# -- performance


def test_the_performance_is_estimated_without_labels(project: Project) -> None:
    live(project, without=("target",))
    window = run_monitor(project, "live.csv", **OUTPUTS).windows[0].window
    metrics = {one.name: one for one in window.metrics}
    assert list(metrics) == ["accuracy", "precision", "recall", "f1", "roc_auc"]
    assert all(one.estimated and one.lower is not None and not one.alarm for one in window.metrics)
    assert window.labeled is None


@pytest.mark.parametrize("key", ["id", None])
def test_labels_give_the_real_performance(project: Project, key: str | None) -> None:
    table = rows(500, seed=2)
    write_rows(project.root / "live.csv", table, without=("target",))
    wrong = {"id": table["id"], "target": [1 - one for one in table["target"]]}
    write_rows(project.root / "labels.csv", wrong)
    result = run_monitor(project, "live.csv", labels="labels.csv", key=key, **OUTPUTS)
    window = result.windows[0].window
    metrics = {one.name: one for one in window.metrics}
    assert window.labeled == 500
    assert window.drifted == ()
    assert metrics["accuracy"].alarm
    assert not metrics["accuracy"].estimated
    assert metrics["accuracy"].value < 0.5
    assert result.alarm


def test_live_data_may_have_the_labels_itself(project: Project) -> None:
    live(project, without=())
    window = run_monitor(project, "live.csv", **OUTPUTS).windows[0].window
    assert window.labeled == 500
    assert not any(one.estimated for one in window.metrics)


def test_windows_without_labels_keep_their_estimates_when_others_are_labeled(project: Project) -> None:
    table = rows(600, seed=2, days=3)
    write_rows(project.root / "live.csv", table, without=("target",))
    write_rows(project.root / "labels.csv", {"id": table["id"][:200], "target": table["target"][:200]})
    options = {"window": "day", "time": "at", "key": "id", **OUTPUTS}
    before = run_monitor(project, "live.csv", **options).history
    after = run_monitor(project, "live.csv", labels="labels.csv", **options).history
    assert [one.labeled for one in after] == [200, 0, 0]
    assert not any(one.estimated for one in after[0].metrics)
    assert [one.metrics for one in after[1:]] == [one.metrics for one in before[1:]]
    assert after[1].notes == ("no row has a label",)


@pytest.mark.parametrize("in_file", [False, True])
def test_targets_without_a_value_are_no_targets(project: Project, in_file: bool) -> None:
    table = rows(500, seed=2)
    empty = {**table, "target": [""] * 500}
    write_rows(project.root / "live.csv", empty, without=("target",) if in_file else ())
    write_rows(project.root / "labels.csv", {name: empty[name] for name in ("id", "target")})
    result = run_monitor(project, "live.csv", key="id", labels="labels.csv" if in_file else None, **OUTPUTS)
    window = result.windows[0].window
    assert not result.alarm
    assert [one.estimated for one in window.metrics] == [True] * 5
    assert (window.labeled, window.notes) == (0, ("no row has a label",))


def test_files_without_labels_are_estimated_when_others_are_labeled(project: Project) -> None:
    table = rows(600, seed=2)
    for name, part in {"a.csv": slice(300), "b.csv": slice(300, 600)}.items():
        write_rows(project.root / name, {key: found[part] for key, found in table.items()}, without=("target",))
    write_rows(project.root / "labels.csv", {"id": table["id"][:300], "target": table["target"][:300]})
    first, second = run_monitor(project, "a.csv", "b.csv", key="id", labels="labels.csv", **OUTPUTS).windows
    assert (first.window.labeled, second.window.labeled) == (300, 0)
    assert [one.estimated for one in second.window.metrics] == [True] * 5
    assert second.window.notes == ("no row has a label",)
    with pytest.raises(UsageError, match=r"no row of 'labels\.csv' belongs to a row of 'b\.csv'"):
        run_monitor(project, "b.csv", key="id", labels="labels.csv", **OUTPUTS)


def test_targets_that_are_not_known_yet_are_no_drift(project: Project) -> None:
    table = rows(500, seed=2)
    table["target"] = [*table["target"][:250], *[""] * 250]
    write_rows(project.root / "live.csv", table)
    result = run_monitor(project, "live.csv", **OUTPUTS)
    assert not result.alarm
    assert result.windows[0].window.labeled == 250


def test_no_estimate_of_windows_without_labels_says_why(project: Project) -> None:
    table = rows(400, seed=2, days=2)
    table["target"] = [*table["target"][:200], *[""] * 200]
    write_rows(project.root / "live.csv", table)
    outputs = {"prediction": "prediction", "target": "target"}
    first, second = run_monitor(project, "live.csv", window="day", time="at", **outputs).history
    assert first.metrics
    assert second.notes[0] == "no row has a label"
    assert "--score COLUMN" in second.notes[1]


def test_scores_that_are_not_calibrated_give_no_estimate(project: Project) -> None:
    table = rows(2000)
    table["score"] = [round(one**3, 6) for one in table["score"]]
    write_rows(project.root / "bad.csv", table)
    write_rows(project.root / "live.csv", rows(500, seed=2), without=("target",))
    window = run_monitor(project, "live.csv", reference="bad.csv", **OUTPUTS).windows[0].window
    assert window.metrics == ()
    assert "not calibrated" in window.notes[0]


@pytest.mark.parametrize("side", ["the live data", "the reference"])
def test_scores_that_are_no_probabilities_give_no_estimate(project: Project, side: str) -> None:
    for name, count, of_side in (("base.csv", 2000, "the reference"), ("live.csv", 400, "the live data")):
        table = rows(count, seed=count, days=2)
        if side == of_side:
            table["score"][-1] = 100 * table["score"][-1] + 1
        write_rows(project.root / name, table, without=("target",) if name == "live.csv" else ())
    found = run_monitor(project, "live.csv", reference="base.csv", window="day", time="at", **OUTPUTS).history
    assert [len(one.metrics) for one in found] == [5 if side == "the live data" else 0, 0]
    (note,) = found[1].notes
    assert note.startswith(f"no estimate of the performance: {side} has a score that is no probability")


def test_scores_may_be_rounded_above_1(project: Project) -> None:
    table = rows(500, seed=2)
    table["score"][0] = 1.0000001
    write_rows(project.root / "live.csv", table, without=("target",))
    assert run_monitor(project, "live.csv", **OUTPUTS).windows[0].window.metrics


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"prediction": "prediction", "score": "score"}, "--target COLUMN"),
        ({"prediction": "prediction", "target": "target"}, "--score COLUMN"),
        ({"prediction": "prediction", "score": "score", "target": "nope"}, "no column nope"),
        ({"prediction": "amount", "score": "score", "target": "amount"}, "regression"),
    ],
)
def test_no_estimate_says_why(project: Project, options: dict[str, str], why: str) -> None:
    live(project, without=("target",) if options.get("target") != "amount" else ("target", "amount"))
    if options.get("target") == "amount":
        write_rows(project.root / "live.csv", {**rows(500, seed=2), "forecast": [0.1] * 500}, without=("amount",))
        write_rows(project.root / "base.csv", {**rows(2000), "forecast": [0.1] * 2000})
        options = {**options, "prediction": "forecast", "baseline": "base.csv"}
    window = run_monitor(project, "live.csv", **options).windows[0].window
    assert window.metrics == ()
    assert any(why in one for one in window.notes)


SEVERAL: dict[str, Any] = {
    "prediction": "prediction",
    "target": "target",
    "class_score": {one: f"p_{one}" for one in monitoring_data.CLASSES},
    "ignore": (),
}


def test_the_performance_of_several_classes_is_estimated_and_measured(project: Project) -> None:
    write_rows(project.root / "base.csv", monitoring_data.several_classes(5_000, seed=1))
    table = monitoring_data.several_classes(1_000, seed=2)
    write_rows(project.root / "live.csv", table, without=("target",))
    write_rows(project.root / "labeled.csv", table)
    for name in ("live.csv", "labeled.csv"):
        window = run_monitor(project, name, reference="base.csv", **SEVERAL).windows[0].window
        metrics = {one.name: one for one in window.metrics}
        assert set(metrics) >= {"accuracy", "precision", "recall", "f1", "roc_auc"}
        assert all(one.lower is not None and not one.alarm for one in metrics.values())
        assert {one.estimated for one in metrics.values()} == {name == "live.csv"}


def test_classes_that_are_written_differently_are_refused(project: Project) -> None:
    table = rows(500, seed=2)
    write_rows(project.root / "live.csv", {**table, "target": ["no", "yes"] * 250})
    with pytest.raises(UsageError, match="no class in common") as error:
        run_monitor(project, "live.csv", **OUTPUTS)
    assert error.value.why == "the targets are no, yes, and the predictions are 0, 1"
    assert not (project.root / "dver.monitor").exists()


def test_predictions_that_are_all_wrong_are_measured(project: Project) -> None:
    table = rows(50, seed=2)
    write_rows(project.root / "live.csv", {**table, "prediction": [0] * 50, "target": [1] * 50})
    window = run_monitor(project, "live.csv", **OUTPUTS).windows[0].window
    assert {one.name: one.value for one in window.metrics}["accuracy"] == 0


def test_a_class_that_never_occurs_is_no_alarm(project: Project) -> None:
    for name, seed, size in (("base.csv", 1, 5_000), ("live.csv", 2, 1_000)):
        table = {**monitoring_data.several_classes(size, seed=seed), "p_d": [0.0] * size}
        write_rows(project.root / name, table, without=() if name == "base.csv" else ("target",))
    options = {**SEVERAL, "class_score": {"d": "p_d", **SEVERAL["class_score"]}}
    window = run_monitor(project, "live.csv", reference="base.csv", **options).windows[0].window
    assert {one.name for one in window.metrics} == {"accuracy", "precision", "recall", "f1", "roc_auc"}
    assert not any(one.alarm for one in window.metrics)


@pytest.mark.parametrize(
    ("error", "options", "why"),
    [
        (1.0, {"class_score": {}}, "--score COLUMN"),
        (1.0, {"class_score": {}, "score": "p_a"}, "--class-score CLASS=COLUMN"),
        (3.0, {}, "the scores of 'a' are not calibrated"),
    ],
)
def test_no_estimate_for_several_classes_says_why(
    project: Project, error: float, options: dict[str, Any], why: str
) -> None:
    write_rows(project.root / "base.csv", monitoring_data.several_classes(5_000, seed=1, error=error))
    write_rows(project.root / "live.csv", monitoring_data.several_classes(1_000, seed=2), without=("target",))
    window = run_monitor(project, "live.csv", reference="base.csv", **{**SEVERAL, **options}).windows[0].window
    assert window.metrics == ()
    assert any(why in one for one in window.notes)


def test_the_performance_of_a_regression_needs_labels(project: Project) -> None:
    table = {**rows(1000, seed=2), "forecast": [0.0] * 1000}
    write_rows(project.root / "base.csv", table)
    write_rows(project.root / "live.csv", table)
    found = run_monitor(project, "live.csv", reference="base.csv", prediction="forecast", target="amount")
    assert [one.name for one in found.windows[0].window.metrics] == ["mae", "rmse", "r2"]
    assert not any(one.alarm for one in found.windows[0].window.metrics if one.name != "r2")


@pytest.mark.parametrize("column", ["forecast", "amount"])
def test_metrics_of_numbers_that_are_too_large_are_left_out(project: Project, column: str) -> None:
    table = {**rows(1000, seed=2), "forecast": [0.0] * 1000}
    write_rows(project.root / "base.csv", table)
    table[column][0] = 1e200
    write_rows(project.root / "live.csv", table)
    options = {"prediction": "forecast", "target": "amount"}
    window = run_monitor(project, "live.csv", reference="base.csv", **options).windows[0].window
    assert window.notes == ("no rmse, r2: predictions or targets are too large numbers",)
    assert [one.name for one in window.metrics] == ["mae"]
    (same,) = run_monitor(project, "live.csv", reference="live.csv", **options).history
    assert [one.upper is None for one in same.metrics] == [False]


# -- windows


def test_each_argument_is_a_window(project: Project) -> None:
    live(project, "b.csv", shift=1.0)
    live(project, "a.csv")
    os.utime(project.root / "b.csv", (1_790_000_000, 1_790_000_000))
    os.utime(project.root / "a.csv", (1_780_000_000, 1_780_000_000))
    result = run_monitor(project, "b.csv", "a.csv")
    assert [(one.sources, one.start[:4], one.alarm) for one in result.history] == [
        (("a.csv",), "2026", False),
        (("b.csv",), "2026", True),
    ]


def test_times_are_from_a_column_or_given(project: Project) -> None:
    live(project, first_day=4, days=3)
    (window,) = run_monitor(project, "live.csv", time="at").history
    assert (window.start, window.end[:10]) == ("2026-11-04T06:00:00Z", "2026-11-06")
    (window,) = run_monitor(project, "live.csv", at="2026-11-07T01:00+01:00").history
    assert (window.start, window.end) == ("2026-11-07T00:00:00Z", "2026-11-07T00:00:00Z")


@pytest.mark.parametrize("options", [{}, {"window": "day"}])
def test_times_that_no_calendar_has_are_an_error(project: Project, options: dict[str, str]) -> None:
    table = csv.read_csv(live(project))
    times = pa.array([1 << 60] * len(table), pa.timestamp("us"))
    place = table.schema.names.index("at")
    parquet.write_table(table.set_column(place, "at", times), project.root / "far.parquet")
    with pytest.raises(UsageError, match="outside of the years 1000 to 9999"):
        run_monitor(project, "far.parquet", time="at", **options)
    assert run_monitor(project, "far.parquet", window="200").history


def test_rows_are_divided_by_day(project: Project) -> None:
    live(project, first_day=4, days=3, without=())
    result = run_monitor(project, "live.csv", window="day", time="at", **OUTPUTS)
    assert [(one.id, one.rows, one.labeled) for one in result.history] == [
        ("day/2026-11-04", 167, 167),
        ("day/2026-11-05", 167, 167),
        ("day/2026-11-06", 166, 166),
    ]
    assert all(one.metrics for one in result.history)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_rows_are_divided_by_number(project: Project, suffix: str) -> None:
    path = live(project)
    if suffix == "parquet":
        parquet.write_table(csv.read_csv(path), path.with_suffix(".parquet"))
    result = run_monitor(project, f"live.{suffix}", window="200")
    assert [one.rows for one in result.history] == [200, 200, 100]
    assert not result.alarm


def test_a_file_that_grew_replaces_its_windows(project: Project) -> None:
    table = rows(500, seed=2, days=2)
    for count in (300, 500):
        write_rows(project.root / "live.csv", {name: values[:count] for name, values in table.items()})
        by_day = run_monitor(project, "live.csv", window="day", time="at", name="by-day")
        by_rows = run_monitor(project, "live.csv", window="200", name="by-rows")
    assert [one.rows for one in by_day.history] == [250, 250]
    assert [one.rows for one in by_rows.history] == [200, 200, 100]


def test_rows_without_a_time_are_left_out_and_counted(project: Project) -> None:
    table = rows(300, seed=2)
    table["at"][5] = "?"
    write_rows(project.root / "live.csv", table)
    (window,) = run_monitor(project, "live.csv", window="day", time="at").history
    assert window.rows == 299
    assert window.notes == ("1 rows without a time were left out",)


def test_files_of_a_directory_are_one_window(project: Project) -> None:
    live(project, "live/a.csv")
    live(project, "live/b.csv", seed=3)
    (window,) = run_monitor(project, "live", **OUTPUTS).history
    assert (window.rows, window.sources) == (1000, ("live",))
    assert window.metrics


@pytest.mark.parametrize("options", [{}, {"window": "day", "time": "at"}])
def test_tables_beside_other_files_are_compared_with_a_table(project: Project, options: dict[str, str]) -> None:
    live(project, "live/a.csv")
    live(project, "live/b.csv", seed=3)
    (project.root / "live/readme.md").write_text("Live data\n")
    window = run_monitor(project, "live", **OUTPUTS, **options).windows[0].window
    assert (window.rows, window.columns, window.drifted) == (1000, 5, ())
    assert window.notes == (() if options else ("not in the reference: text",))
    assert window.labeled == 1000


def test_a_table_is_compared_with_the_tables_of_a_reference_that_has_other_files(project: Project) -> None:
    write_rows(project.root / "train/a.csv", rows(1000))
    (project.root / "train/readme.md").write_text("Training data\n")
    live(project)
    window = run_monitor(project, "live.csv", reference="train").windows[0].window
    assert (window.rows, window.columns, window.drifted) == (500, 5, ())
    assert window.notes == ("not in the live data: text",)


def test_the_same_live_data_again_replaces_its_window(project: Project) -> None:
    path = live(project)
    run_monitor(project, "live.csv", at="2026-11-01")
    path.rename(path.with_name("moved.csv"))
    (window,) = run_monitor(project, "moved.csv", at="2026-11-02").history
    assert window.start == "2026-11-02T00:00:00Z"


def test_the_date_of_a_file_stays_that_of_the_first_comparison(project: Project) -> None:
    """A clone has the same file with another date."""
    path = live(project)
    (first,) = run_monitor(project, "live.csv").history
    os.utime(path, (1_900_000_000, 1_900_000_000))
    assert run_monitor(project, "live.csv").history == (first,)
    (dated,) = run_monitor(project, "live.csv", at="2026-11-02").history
    assert dated.start == "2026-11-02T00:00:00Z"


def test_without_record_nothing_is_written(project: Project) -> None:
    live(project)
    assert len(run_monitor(project, "live.csv", record=False).history) == 1
    assert not (project.root / "dver.monitor").exists()


def test_live_data_is_named_relative_to_the_current_directory(project: Project) -> None:
    live(project, "sub/live.csv")
    result = run_monitor(project, "live.csv", cwd=project.root / "sub", reference="../train.csv")
    assert (result.name, result.reference) == ("train", "train.csv")
    with project.opened() as repo:
        assert len(read_history(repo, "train")) == 1


def test_a_file_outside_of_the_project_is_compared(project: Project, tmp_path: Path) -> None:
    path = write_rows(tmp_path / "live.csv", rows(500, seed=2), without=("target",))
    result = run_monitor(project, str(path), **OUTPUTS)
    assert result.windows[0].window.rows == 500
    assert result.windows[0].window.metrics


def test_the_reference_may_be_a_version(project: Project) -> None:
    live(project)
    result = run_monitor(project, "live.csv", reference="train.csv@HEAD")
    assert (result.name, result.reference, result.alarm) == ("train", "train.csv@HEAD", False)


def test_the_reference_may_be_a_table_that_git_tracks(project: Project) -> None:
    path = write_rows(project.root / "small.csv", rows(500, seed=3))
    project.git("add", "small.csv")
    commit = project.commit()
    write_rows(path, rows(500, seed=3, shift=9.0))
    live(project, without=("target",))
    (window,) = run_monitor(project, "live.csv", reference=f"small.csv@{commit}", **OUTPUTS).history
    assert window.drifted == ()
    assert window.metrics
    with pytest.raises(UsageError, match="no data at"):
        run_monitor(project, "live.csv", reference=f"nope.csv@{commit}")
    project.git("reset", "--quiet", "--hard", "HEAD~1")


@pytest.fixture
def divided(tmp_path: Path) -> Project:
    """A project whose reference is a directory, with the tag v1, and live data without targets."""
    project = Project.make(tmp_path / "divided")
    for name, seed in (("a/c.csv", 1), ("a/e.csv", 3), ("a/same.csv", 3), ("a/b/d.csv", 4)):
        write_rows(project.root / "data" / name, rows(500, seed=seed))
    project.save("data")
    project.git("tag", "v1")
    live(project, without=("target",))
    return project


def metrics_of(project: Project, reference: str) -> tuple[MonitoredMetric, ...]:
    found = run_monitor(project, "live.csv", reference=reference, record=False, **OUTPUTS).windows[0].window
    assert found.notes == ()
    return found.metrics


def test_a_directory_of_another_revision_is_a_reference_as_the_workspace_is(divided: Project) -> None:
    expected = metrics_of(divided, "data")
    assert all(one.lower is not None for one in expected)
    assert metrics_of(divided, "data@v1") == expected
    write_rows(divided.root / "data/a/c.csv", rows(100, seed=9))
    (divided.root / "data/a/e.csv").unlink()
    assert metrics_of(divided, "data@v1") == expected
    shutil.rmtree(divided.root / "data")
    assert metrics_of(divided, "data@v1") == expected
    assert metrics_of(divided, "data") == expected


def test_only_changed_files_of_a_reference_are_read_from_the_store(
    divided: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied: list[bytes] = []

    def refuse_copies(repo: Repository, files: list[tuple[bytes, Oid]]) -> AbstractContextManager[dict[Oid, bytes]]:
        copied.extend(path for path, _ in files)
        if files:
            raise MissingObjectError("an object is missing")
        return nullcontext({})

    monkeypatch.setattr(baseline_rows, "copies_on_disk", refuse_copies)
    assert metrics_of(divided, "data@v1")
    write_rows(divided.root / "data/a/c.csv", rows(100, seed=9))
    window = run_monitor(divided, "live.csv", reference="data@v1", **OUTPUTS).windows[0].window
    assert copied == [b"a/c.csv"]
    assert window.metrics == ()
    assert "the data of data is not here; dver fetch --rev v1 data" in window.notes[0]


def test_a_path_may_have_an_at_sign(tmp_path: Path) -> None:
    (tmp_path / "a@b.csv").touch()
    assert split_revision("a@b.csv", tmp_path) == ("a@b.csv", None)
    assert split_revision("a@b.csv@v1", tmp_path) == ("a@b.csv", "v1")
    assert split_revision("c.csv@churn@v1.0.0", tmp_path) == ("c.csv", "churn@v1.0.0")


def test_a_clone_without_the_data_needs_its_profile_only(project: Project, tmp_path: Path) -> None:
    clone = project.clone(tmp_path / "clone", share=False)
    write_rows(clone.root / "live.csv", rows(500, seed=2))
    with pytest.raises(MissingObjectError, match=r"no profile of 'train.csv'"):
        run_monitor(clone, "live.csv")
    shared = project.clone(tmp_path / "shared")
    run_monitor(project, "train.csv", record=False)  # its profile is in the store now
    (project.root / "train.csv").rename(tmp_path / "train.csv")
    try:
        write_rows(shared.root / "live.csv", rows(500, seed=2))
        assert not run_monitor(shared, "live.csv").alarm
    finally:
        (tmp_path / "train.csv").rename(project.root / "train.csv")


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
@pytest.mark.parametrize("names", [("x", "X"), ("x", "x"), ("", "x_1"), ("X_1", "x"), ('a"b', "c0")])
def test_columns_keep_their_names_in_windows(project: Project, names: tuple[str, str], suffix: str) -> None:
    times = pa.array(one.replace("T", " ") for one in rows(200, days=2)["at"]).cast(pa.timestamp("s"))
    table = pa.table([pa.array(range(200)), pa.array(["a", "b"] * 100), times], [*names, "at"])
    write = csv.write_csv if suffix == "csv" else parquet.write_table
    for name in ("base", "live"):
        write(table, project.root / f"{name}.{suffix}")
    options = {"reference": f"base.{suffix}", "time": "at", "ignore": ()}
    found = run_monitor(project, f"live.{suffix}", window="day", **options).history
    kinds = {kind for one in found for column in one.drifted for kind in column.kinds}
    assert not kinds & {"missing column", "new column", "type"}


def test_outputs_that_differ_in_case_only_are_told_apart(project: Project) -> None:
    table = rows(500, seed=2, days=2)
    live_rows = {"AT": ["2020-01-01"] * 500, "PREDICTION": [1] * 500, "Target": [0] * 500, **table}
    write_rows(project.root / "live.csv", live_rows)
    found = run_monitor(project, "live.csv", window="day", time="at", **OUTPUTS).history
    write_rows(project.root / "live.csv", table)
    plain = run_monitor(project, "live.csv", window="day", time="at", **OUTPUTS).history
    assert [(one.id, one.metrics) for one in found] == [(one.id, one.metrics) for one in plain]


def test_files_whose_columns_differ_in_case_have_columns_of_their_own(project: Project) -> None:
    table = rows(200)
    write_rows(project.root / "a.csv", table)
    write_rows(project.root / "b.csv", {("Amount" if name == "amount" else name): table[name] for name in table})
    (window,) = run_monitor(project, "a.csv", "b.csv", window="400").history
    assert {one.name: one.kinds for one in window.drifted} == {"Amount": ("new column",), "amount": ("nulls",)}


@pytest.mark.parametrize("names", [("a.csv", "b.jsonl"), ("b.jsonl", "a.csv"), ("a.csv", "c.parquet")])
def test_files_of_several_formats_are_divided(project: Project, names: tuple[str, str]) -> None:
    table = csv.read_csv(live(project, "a.csv", days=2))
    nested = table.append_column("list", pa.array([[1]] * 500))
    parquet.write_table(nested, project.root / "c.parquet")
    lines = (json.dumps({**one, "at": f"{one['at'].isoformat()}Z"}) for one in nested.to_pylist())
    (project.root / "b.jsonl").write_text("\n".join(lines) + "\n")
    found = run_monitor(project, *names, window="day", time="at", **OUTPUTS).history
    assert [(one.id, one.rows, one.labeled) for one in found] == [
        ("day/2026-11-01", 500, 500),
        ("day/2026-11-02", 500, 500),
    ]
    assert {(column.name, column.kinds) for one in found for column in one.drifted} == {("list", ("new column",))}


def test_times_of_texts_in_parquet_are_an_error_that_names_the_file(project: Project) -> None:
    table = csv.read_csv(live(project))
    texts = table.set_column(table.schema.names.index("at"), "at", pa.array(rows(500)["at"]))
    parquet.write_table(texts, project.root / "texts.parquet")
    with pytest.raises(UsageError, match=r"'at' of 'texts\.parquet' has no times"):
        run_monitor(project, "texts.parquet", window="day", time="at")


@pytest.mark.parametrize("name", ["live.csv.gz", "live.tsv", "live.jsonl", "live.arrow"])
def test_all_formats_of_profiles_are_divided_and_measured(project: Project, name: str) -> None:
    path = live(project)
    table = csv.read_csv(path)
    match name.partition(".")[2]:
        case "csv.gz":
            (project.root / name).write_bytes(gzip.compress(path.read_bytes()))
        case "tsv":
            csv.write_csv(table, project.root / name, csv.WriteOptions(delimiter="\t"))
        case "jsonl":
            lines = (json.dumps({**one, "at": one["at"].isoformat()}) for one in table.to_pylist())
            (project.root / name).write_text("\n".join(lines) + "\n")
        case "arrow":
            feather.write_feather(table, project.root / name, compression="uncompressed")
    result = run_monitor(project, name, window="hour", time="at", **OUTPUTS)
    assert [(one.id, one.labeled) for one in result.history] == [("hour/2026-11-01T06", 500)]
    assert [one.name for one in result.history[0].metrics][:2] == ["accuracy", "precision"]
    assert not result.alarm


# -- mistakes


def test_data_of_another_kind_is_refused(project: Project) -> None:
    for number in range(3):
        (project.root / "texts").mkdir(exist_ok=True)
        (project.root / f"texts/{number}.txt").write_text("a text\n")
    with pytest.raises(UsageError, match="different kinds") as error:
        run_monitor(project, "texts")
    assert error.value.why == "the reference is a table, and the live data is text"


def test_a_file_that_is_being_written_is_refused(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_rows(tmp_path / "live.csv", rows(500, seed=2))

    def profile_while_it_is_written(*given: Any) -> Any:
        with path.open("a") as file:
            file.write("500,2026-11-01T06:00:00,1,a,0.5,1,1\n")
        return profile_table(*given)

    monkeypatch.setattr(live_data, "profile_table", profile_while_it_is_written)
    with pytest.raises(ConflictError, match="changed while it was read"):
        run_monitor(project, str(path))
    assert not (project.root / "dver.monitor").exists()


def test_an_interrupt_records_nothing(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    live(project)

    def interrupt(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(window_performance, "measure_performance", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run_monitor(project, "live.csv", **OUTPUTS)
    assert not (project.root / "dver.monitor").exists()
    with project.opened() as repo:
        assert not list(repo.layout.worktree_dir.glob("scratch-*"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"reference": None}, "either --reference or --model"),
        ({"reference": "train.csv", "model": "churn"}, "either --reference or --model"),
        ({"reference": "nope.csv"}, "no data at"),
        ({"model": "churn"}, "not in the registry"),
        ({"name": "../x"}, "invalid name"),
        ({"at": "soon"}, "invalid time"),
        ({"window": "0"}, "invalid window"),
        ({"window": "day"}, "need times"),
        ({"window": "day", "time": "nope"}, "no column 'nope'"),
        ({"window": "day", "time": "country"}, "has a time"),
        ({"time": "country"}, "has no times"),
        ({"time": "nope"}, "no column 'nope'"),
        ({"labels": "train.csv"}, "labels need predictions"),
        ({"labels": "nope.csv", "prediction": "prediction"}, "no file"),
        ({"method": {"amount": "magic"}}, "no such method"),
        ({"task": "magic"}, "no such task"),
        ({"threshold": {"amount": "high"}}, "not a number|invalid threshold"),
        ({"threshold": {"amuont": "1"}}, "no column 'amuont'; did you mean 'amount'"),
        ({"method": {"amuont": "psi"}}, "no column 'amuont'; did you mean 'amount'"),
        ({"ignore": ("contry",)}, "no column 'contry'; did you mean 'country'"),
        ({"key": "idd"}, "no column 'idd'; did you mean 'id'"),
        ({"time": "att", "at": "2026-11-01"}, "no column 'att'; did you mean 'at'"),
        ({"window": "day", "time": "att"}, "no column 'att'; did you mean 'at'"),
        ({"target": "targt"}, "no column 'targt'; did you mean 'target'"),
        ({"score": "scores"}, "no column 'scores'; did you mean 'score'"),
        ({"prediction": "nope"}, "no column 'nope'"),
        ({"at": "2026-11-01", "time": "at", "window": "day"}, "either --at or --time"),
        ({"class_score": {"0": "score", "1": "scroe"}}, "no column 'scroe'; did you mean 'score'"),
        ({"class_score": {"0": "score"}, "prediction": "prediction", "target": "target"}, "no score for '1'"),
        ({"false_alarms": 2.0}, "false alarms"),
    ],
)
def test_a_mistake_is_refused_and_nothing_is_recorded(project: Project, options: dict[str, Any], message: str) -> None:
    live(project)
    with pytest.raises(UsageError, match=message):
        run_monitor(project, "live.csv", **options)
    assert not (project.root / "dver.monitor").exists()


@pytest.mark.parametrize("content", [b"", b"id,amount\n"])
def test_empty_live_data_is_refused(project: Project, content: bytes) -> None:
    (project.root / "live.csv").write_bytes(content)
    with pytest.raises(DverError, match=r"live\.csv"):
        run_monitor(project, "live.csv")


def test_missing_live_data_is_refused(project: Project) -> None:
    with pytest.raises(UsageError, match="not a file of this machine") as remote:
        run_monitor(project, "s3://bucket/live.csv")
    assert "dver import-url s3://bucket/live.csv" in str(remote.value.fix)
    with pytest.raises(UsageError, match="no live data"):
        run_monitor(project, "nope.csv")
    with pytest.raises(UsageError, match="no live data"):
        run_monitor(project)


@pytest.mark.parametrize(
    ("names", "why"),
    [
        (("in/a.csv", "in/../in/a.csv"), "it is the same as 'in/a.csv'"),
        (("in/a.csv", "link.csv"), "it is the same as 'in/a.csv'"),
        (("in/a.csv", "in"), "'in' contains it"),
    ],
)
def test_rows_that_are_named_twice_are_refused(project: Project, names: tuple[str, str], why: str) -> None:
    live(project, "in/a.csv")
    (project.root / "link.csv").symlink_to("in/a.csv")
    with pytest.raises(UsageError, match="is named twice") as error:
        run_monitor(project, *names, window="200")
    assert error.value.why == why
    assert run_monitor(project, *names).history  # each argument is a window


def test_labels_of_several_files_need_a_key(project: Project) -> None:
    live(project, "a.csv")
    live(project, "b.csv")
    with pytest.raises(UsageError, match="need a key"):
        run_monitor(project, "a.csv", "b.csv", labels="train.csv", **OUTPUTS)


def test_a_method_and_a_threshold_by_column_are_used(project: Project) -> None:
    live(project)
    found = run_monitor(project, "live.csv", method={"amount": "psi"}, threshold={"amount": 1e-9})
    (column,) = found.windows[0].window.drifted
    assert (column.name, column.method, column.threshold) == ("amount", "psi", 1e-9)


def test_profiles_of_live_data_are_pushed_and_survive_gc(tmp_path: Path) -> None:
    project = make_monitored(tmp_path / "project", count=200)
    path = write_rows(project.root / "live.csv", rows(200, seed=2))
    data = run_monitor(project, "live.csv").history[0].data
    assert data is not None
    path.unlink()
    with project.opened() as repo:
        add_remote(repo, "origin", os.fspath(tmp_path / "remote"), default=True)
    with project.opened() as repo:
        assert push(repo, cwd=project.root).profiles == 2
        assert push(repo, cwd=project.root).profiles == 0
        gc(repo, grace=0)
        gc(repo, grace=0)
        assert known_profile(repo, data, b"live.csv") is not None
        gc_remote(repo, "origin", grace=0, offline=True)
        gc_remote(repo, "origin", grace=0, offline=True)
        kept = {one.item.oid for one in kept_for(repo, {data})}
        assert kept
        assert repo.remotes.catalog("origin").present(kept) == kept

"""`dver monitor` on the command line: output, exit codes, `--on-alarm`, pages, JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from monitored import window
from monitoring_projects import make_monitored, rows, write_rows
from support import Run
from workspaces import Project

from dver.cli.main import main
from dver.cli.render.quality.monitoring import charts

COMPARE = ("monitor", "live.csv", "--reference", "train.csv", "--ignore", "id")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = make_monitored(tmp_path_factory.mktemp("monitored") / "project")
    write_rows(project.root / "live.csv", rows(500, seed=2, shift=1.0))
    write_rows(project.root / "same.csv", rows(500, seed=2))
    project.git("add", "live.csv", "same.csv")
    project.commit()
    return project


@pytest.fixture
def project(shared: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    monkeypatch.chdir(shared.root)
    yield shared
    shared.git("reset", "--quiet", "--hard")
    shared.git("clean", "-fdxq", "--exclude=train.csv")


def run_main(*args: str) -> int:
    return main(list(args))


def test_an_alarm_exits_with_1_and_names_the_column(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_main(*COMPARE, "--at", "2026-11-01") == 1
    out = capsys.readouterr().out
    assert "alarm 2026-11-01 live.csv" in out
    assert "  amount  distribution: " in out


def test_an_alarm_says_what_a_type_was_and_how_many_values_are_new(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    table = rows(500, seed=2)
    table["country"][:100] = ["nowhere"] * 100
    table["amount"] = [f"{one} EUR" for one in table["amount"]]
    write_rows(project.root / "odd.csv", table)
    chi_square = ("--method", "country=chi-square", "--threshold", "country=0.001")
    assert run_main("monitor", "odd.csv", *COMPARE[2:], *chi_square) == 1
    out = capsys.readouterr().out
    assert "  amount  type: text instead of number\n" in out
    assert "  country  distribution, 1 new value: chi-square " in out


def test_no_drift_exits_with_0(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_main("monitor", "same.csv", *COMPARE[2:]) == 0
    assert "no drift" in capsys.readouterr().out


def test_a_better_metric_says_so_and_can_be_no_alarm(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    table = rows(500, seed=2)
    write_rows(project.root / "good.csv", {**table, "target": table["prediction"]})
    outputs = ("--prediction", "prediction", "--target", "target", "--at", "2026-11-01")
    assert run_main("monitor", "good.csv", *COMPARE[2:], *outputs) == 1
    out = capsys.readouterr().out
    assert "  accuracy is 1, better than expected (" in out
    assert "1+" in out
    assert run_main("monitor", "good.csv", *COMPARE[2:], *outputs, "--only-worse") == 0
    assert "no drift" in capsys.readouterr().out
    assert run_main("monitor", "history", "train", "--json") == 0
    (found,) = json.loads(capsys.readouterr().out)["windows"]
    assert {one["upper"] for one in found["metrics"] if one["name"] != "log_loss"} == {None}
    assert not found["alarm"]


def test_compare_is_the_default_command(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_main("monitor", "compare", *COMPARE[1:], "--no-record") == 1
    named = capsys.readouterr().out
    assert run_main("monitor", "-q", *COMPARE[1:], "--no-record") == 1
    assert capsys.readouterr().out == named
    assert run_main("monitor", *COMPARE[2:], "live.csv", "--no-record") == 1
    assert capsys.readouterr().out == named


def test_without_arguments_it_asks_for_a_reference(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_main("monitor") == 2
    assert "give either --reference or --model" in capsys.readouterr().err
    assert run_main("monitor", "--help") == 0
    assert "history" in capsys.readouterr().out


def test_json_has_windows_with_all_columns(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_main(*COMPARE, "--json", "--prediction", "prediction", "--target", "target") == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["name"], found["reference"], found["alarm"]) == ("train", "train.csv", True)
    (window,) = found["windows"]
    assert window["alarm"]
    assert [one["name"] for one in window["drifted"]] == ["amount"]
    assert {one["column"] for one in window["all_columns"]} >= {"amount", "country"}
    assert {one["name"]: one["alarm"] for one in window["metrics"]}["accuracy"] is False


def test_the_history_is_shown_with_a_chart(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    run_main("monitor", "same.csv", *COMPARE[2:], "--at", "2026-11-01")
    run_main(*COMPARE, "--at", "2026-11-02")
    capsys.readouterr()
    assert run_main("monitor", "history", "train") == 0
    out = capsys.readouterr().out
    assert out.startswith("train: 2 windows, 1 alarm\n")
    assert "▁█ 1" in out
    assert "2026-11-02" in out
    assert run_main("monitor", "history", "train", "--limit", "1", "--json") == 0
    (window,) = json.loads(capsys.readouterr().out)["windows"]
    assert window["alarms"] == ["amount: distribution"]


def test_columns_that_a_history_does_not_list_are_counted(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    names = [f"new{at}" for at in range(150)]
    write_rows(project.root / "live.csv", rows(500, seed=2) | {name: [1] * 500 for name in names})
    assert run_main(*COMPARE, "--html", "page.html") == 1
    assert "… and 140 more" in capsys.readouterr().out
    assert "150 of 155" in Path("page.html").read_text()
    assert run_main("monitor", "history", "train") == 0
    assert "150 of 155" in capsys.readouterr().out


def test_charts_fit_a_narrow_terminal() -> None:
    windows = [window(day) for day in range(1, 29)]
    lines = list(charts(windows, 40))
    assert lines
    assert max(map(len, lines)) <= 40


def test_an_unknown_history_is_refused(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_main("monitor", "history", "nope") == 2
    assert "no monitor has the name 'nope'" in capsys.readouterr().err


def test_pages_are_written_and_foreign_files_are_kept(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        assert run_main(*COMPARE, "--html", "page.html") == 1
    assert "<svg" in Path("page.html").read_text()
    assert run_main("monitor", "history", "train", "--html", "history.html") == 0
    assert Path("history.html").read_bytes() == Path("page.html").read_bytes()
    Path("mine.html").write_text("mine")
    assert run_main("monitor", "history", "train", "--html", "mine.html") == 4
    assert Path("mine.html").read_text() == "mine"


def test_a_page_that_would_overwrite_a_file_is_refused_before_windows_are_recorded(project: Project) -> None:
    Path("mine.html").write_text("mine")
    assert run_main(*COMPARE, "--html", "mine.html", "--on-alarm", "touch ran") == 4
    assert Path("mine.html").read_text() == "mine"
    assert not Path("dver.monitor").exists()
    assert not Path("ran").exists()


def test_a_page_that_cannot_be_written_loses_no_alarm(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_main(*COMPARE, "--html", "live.csv/page.html", "--on-alarm", "touch ran") not in (0, 1)
    assert "amount  distribution: " in capsys.readouterr().out
    assert Path("ran").exists()


def test_on_alarm_runs_after_the_window_is_recorded(project: Project) -> None:
    assert run_main(*COMPARE, "--on-alarm", 'cp "$DVER_MONITOR_HISTORY" seen; env | grep ^DVER_MONITOR > said') == 1
    said = dict(line.split("=", 1) for line in Path("said").read_text().splitlines())
    assert said["DVER_MONITOR"] == "train"
    assert json.loads(said["DVER_MONITOR_COLUMNS"]) == ["amount"]
    assert said["DVER_MONITOR_WINDOW"].startswith("blake3:")
    assert Path("seen").read_bytes() == Path("dver.monitor/train.jsonl").read_bytes()


def test_without_an_alarm_no_command_runs(project: Project) -> None:
    assert run_main("monitor", "same.csv", *COMPARE[2:], "--on-alarm", "touch ran") == 0
    assert not Path("ran").exists()


def test_the_name_of_a_column_is_never_a_command(project: Project) -> None:
    table = rows(500, seed=2)
    table["$(touch hacked)`touch hacked`;touch hacked"] = [1] * 500
    write_rows(project.root / "live.csv", table)
    assert run_main(*COMPARE, "--on-alarm", "eval echo $DVER_MONITOR > said") == 1
    assert run_main(*COMPARE, "--on-alarm", 'printf %s "$DVER_MONITOR_COLUMNS" > said') == 1
    assert json.loads(Path("said").read_text()) == ["$(touch hacked)`touch hacked`;touch hacked"]
    assert not Path("hacked").exists()


def test_very_long_names_of_columns_are_cut_from_the_list_of_a_command(project: Project) -> None:
    table = rows(500, seed=2)
    names = [f"{at}{'é' * 3000}" for at in range(60)]
    write_rows(project.root / "live.csv", table | {name: [1] * 500 for name in names})
    assert run_main(*COMPARE, "--on-alarm", "env | grep ^DVER_MONITOR_COLUMN > said") == 1
    said = dict(line.split("=", 1) for line in Path("said").read_text().splitlines())
    assert json.loads(said["DVER_MONITOR_COLUMNS"]) == names[:3]
    assert said["DVER_MONITOR_COLUMN_COUNT"] == "60"


def test_a_command_that_fails_is_reported_and_the_window_stays(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_main(*COMPARE, "--on-alarm", "exit 3") == 10
    err = capsys.readouterr().err
    assert "the command of --on-alarm failed: exit 3" in err
    assert "it exited with 3" in err
    assert Path("dver.monitor/train.jsonl").exists()


def test_on_alarm_needs_a_recorded_window(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_main(*COMPARE, "--on-alarm", "true", "--no-record") == 2
    assert "exclude each other" in capsys.readouterr().err


def test_a_pair_without_an_equals_sign_is_refused(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_main(*COMPARE, "--method", "amount") == 2
    assert "COLUMN=VALUE" in capsys.readouterr().err


def test_json_stays_one_document_while_the_command_prints(project: Project, run: Run) -> None:
    result = run(*COMPARE, "--on-alarm", "echo from the command", "--json", cwd=project.root, rc=1)
    assert json.loads(result.out)["alarm"] is True
    assert "from the command" in result.err

"""What a run logs is in plain files at once, whatever happens to the program."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import threading
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

import dver
from dver import live
from dver.core.errors import ConflictError, LocalIOError, UsageError


@pytest.fixture(autouse=True)
def in_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def metrics(folder: str = "live") -> Any:
    return json.loads(Path(folder, "metrics.json").read_bytes())


def rows(name: str, folder: str = "live") -> list[str]:
    return Path(folder, "plots/metrics", f"{name}.tsv").read_text().splitlines()


def run_python(code: str, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code, *args], capture_output=True, text=True)


def test_a_run_logs_metrics_parameters_and_steps() -> None:
    with live.run() as run:
        run.params(lr=0.1, layers=[64, 32])
        run.log(loss=0.5, step=0)
        run.log({"loss": 0.25, "val/acc": 0.9}, step=1)
        assert metrics() == {"loss": 0.25, "val": {"acc": 0.9}, "step": 1}  # before the end, too
    assert rows("loss") == ["step\tloss", "0\t0.5", "1\t0.25"]
    assert rows("val/acc") == ["step\tacc", "1\t0.9"]
    assert yaml.safe_load(Path("live/params.yaml").read_text()) == {"lr": 0.1, "layers": [64, 32]}
    assert sorted(os.listdir("live")) == ["metrics.json", "params.yaml", "plots"]


def test_without_a_step_a_metric_that_the_step_has_begins_the_next_one() -> None:
    with live.run() as run:
        assert run.step == -1
        for at in range(3):
            run.log(loss=at)
            run.log(acc=at)
        assert run.step == 2
        run.log(loss=3, step=10)
        run.log(acc=3)
        run.log({"loss": 4, "step": 20})
    assert rows("loss") == ["step\tloss", "0\t0", "1\t1", "2\t2", "10\t3", "20\t4"]
    assert rows("acc") == ["step\tacc", "0\t0", "1\t1", "2\t2", "10\t3"]


def test_values_that_are_not_plain_floats() -> None:
    with live.run() as run:
        run.log(half=np.float16(0.5), zero_d=np.array(3), one=np.array([2.5]), flag=np.True_, exact=Decimal("0.5"))
        run.log(nan=math.nan, inf=-math.inf, big=2**70, truth=True, tiny=5e-324)
    found = metrics()
    assert (found["half"], found["zero_d"], found["one"], found["flag"], found["exact"]) == (0.5, 3, 2.5, True, 0.5)
    assert math.isnan(found["nan"])
    assert (found["inf"], found["big"], found["truth"], found["tiny"]) == (-math.inf, 2**70, True, 5e-324)
    assert rows("nan")[1:] == ["0\tnan"]
    assert rows("inf")[1:] == ["0\t-inf"]
    assert rows("truth")[1:] == ["0\t1"]


@pytest.mark.parametrize("value", ["0.5", None, [1, 2], np.zeros(2), 1j, object(), b"1"])
def test_what_is_not_a_number_is_refused_before_anything_is_written(value: object) -> None:
    with live.run() as run:
        run.log(loss=1)
        with pytest.raises(UsageError, match="'acc' is not a number"):
            run.log(loss=2, acc=value)
        assert metrics() == {"loss": 1, "step": 0}
        assert rows("loss") == ["step\tloss", "0\t1"]


@pytest.mark.parametrize("step", [-1, 0.5, "3", True, np.float32(1)])
def test_a_step_is_a_whole_number(step: object) -> None:
    with live.run() as run, pytest.raises(UsageError, match="is not a whole number"):
        run.log(loss=1, step=step)
    with live.run() as run:
        run.log(loss=1, step=np.int64(3))
        assert run.step == 3


def test_names_that_meet_in_the_summary() -> None:
    with live.run() as run:
        run.log({"loss/val": 1, "a/b/c": 2, "step/x": 5})
        run.log({"loss": 3, "a/b": 4}, step=0)
    assert metrics() == {"loss": 3, "loss/val": 1, "a": {"b": 4, "b/c": 2}, "step/x": 5, "step": 0}
    with live.run(resume=True) as run:
        run.log({"loss": 7, "loss/val": 8})
    assert metrics() == {"loss": 7, "loss/val": 8, "a": {"b": 4, "b/c": 2}, "step/x": 5, "step": 1}


def test_odd_names_stay_inside() -> None:
    before = set(Path().rglob("*"))
    with live.run() as run:
        run.log({"../../out": 1, "/etc/x": 2, "a\nb\t": 3, "\udc80": 4, "x" * 400: 5, "..": 6})
    assert metrics() == {
        "..": 6,
        "../../out": 1,
        "etc": {"x": 2},
        "a\nb\t": 3,
        "\udc80": 4,
        "x" * 400: 5,
        "step": 0,
    }
    made = {path for path in Path().rglob("*") if path.is_file()} - before
    assert len(made) == 7
    assert all(path.parts[0] == "live" for path in made)
    headers = [path.read_text().splitlines()[0].split("\t") for path in made if path.suffix == ".tsv"]
    assert [(len(one), one[0]) for one in headers] == [(2, "step")] * 6


def test_a_new_run_removes_the_last_one_and_nothing_else() -> None:
    with live.run() as run:
        run.log(old=1)
        run.params(lr=1)
        run.image("old.png", np.zeros((2, 2), np.uint8))
    Path("live/notes.txt").write_text("mine")
    Path("live/plots/mine.csv").write_text("x,y\n1,2\n")
    with live.run() as run:
        run.log(new=1)
    assert metrics() == {"new": 1, "step": 0}
    files = {os.fspath(path.relative_to("live")) for path in Path("live").rglob("*") if path.is_file()}
    assert files == {"metrics.json", "notes.txt", "plots/mine.csv", "plots/metrics/new.tsv"}


@pytest.mark.parametrize("content", ['{"auc": 0.9}', "[1]", "not JSON", '{"step": "3"}'])
def test_a_directory_with_metrics_of_another_program_is_left_alone(content: str) -> None:
    Path("results").mkdir()
    Path("results/metrics.json").write_text(content)
    for resume in (False, True):
        with pytest.raises(ConflictError, match="was not written by"):
            live.run("results", resume=resume)
    assert Path("results/metrics.json").read_text() == content


def test_a_resumed_run_goes_on_at_the_last_step() -> None:
    with live.run() as run:
        run.params(lr=1)
        for step in range(run.step + 1, 3):
            run.log(loss=step, step=step)
    with live.run(resume=True) as run:
        run.params(depth=2)
        for step in range(run.step + 1, 5):
            run.log(loss=step, step=step)
    assert rows("loss")[1:] == [f"{step}\t{step}" for step in range(5)]
    assert yaml.safe_load(Path("live/params.yaml").read_text()) == {"lr": 1, "depth": 2}
    with live.run(resume=True) as run:
        run.log(loss=9)
    assert run.step == 5


def test_a_run_resumed_from_an_older_checkpoint_repeats_its_rows() -> None:
    with live.run() as run:
        for step in range(5):
            run.log(loss=step, acc=step)
    with live.run(resume=True) as run:
        run.log(loss=30, step=3)
    assert rows("loss")[1:] == ["0\t0", "1\t1", "2\t2", "3\t30"]
    assert len(rows("acc")) == 6


def test_resuming_nothing_begins_at_the_start() -> None:
    with live.run(resume=True) as run:
        run.log(loss=1)
    assert metrics() == {"loss": 1, "step": 0}


def test_files_that_are_links_to_a_store_are_replaced_and_not_written_to() -> None:
    with live.run() as run:
        run.log(loss=1)
    stored = {}
    for name in ("metrics.json", "plots/metrics/loss.tsv"):
        os.link(Path("live", name), Path(name.replace("/", "-")))
        stored[name.replace("/", "-")] = Path("live", name).read_bytes()
        Path("live", name).chmod(0o444)
    with live.run(resume=True) as run:
        run.log(loss=2)
    assert {name: Path(name).read_bytes() for name in stored} == stored
    assert rows("loss")[1:] == ["0\t1", "1\t2"]


def test_a_killed_run_loses_at_most_the_line_being_written() -> None:
    code = """
from dver import live
run = live.run()
for step in range(10**9):
    run.log({f"m{at}": step for at in range(20)}, step=step)
"""
    process = subprocess.Popen([sys.executable, "-c", code])
    deadline = time.monotonic() + 60
    while not os.path.exists("live/metrics.json") or metrics()["step"] < 200:  # each read finds whole JSON
        assert time.monotonic() < deadline
    process.send_signal(signal.SIGKILL)
    process.wait()
    lengths = []
    for at in range(20):
        text = Path(f"live/plots/metrics/m{at}.tsv").read_text()
        steps = [int(line.split("\t")[1]) for line in text.splitlines()[1:]]
        assert steps == list(range(len(steps)))
        lengths.append(len(steps))
    assert max(lengths) - min(lengths) <= 1
    with live.run(resume=True) as run:
        assert run.step == max(lengths) - 1  # even if the summary was a little behind
        run.log(m0=-1)
    assert rows("m0")[-1] == f"{max(lengths)}\t-1"


def test_part_of_a_line_that_a_kill_left_is_removed_when_the_run_goes_on() -> None:
    with live.run() as run:
        run.log(loss=0.5)
    with open("live/plots/metrics/loss.tsv", "a") as file:
        file.write("1\t0.")
    with live.run(resume=True) as run:
        assert run.step == 0
        run.log(loss=0.25)
    assert rows("loss") == ["step\tloss", "0\t0.5", "1\t0.25"]


def test_a_row_that_does_not_fit_leaves_nothing_of_it() -> None:
    code = """
import resource
from dver import live, LocalIOError
run = live.run()
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
try:
    for step in range(1000):
        run.log(loss=0.5, step=step)
except LocalIOError as error:
    print(error.why)
"""
    done = run_python(code)
    assert done.stdout == "no file may be that large there\n"
    text = Path("live/plots/metrics/loss.tsv").read_text()
    assert text.endswith("\t0.5\n")
    assert 90 < len(text) <= 100


def test_an_unwritable_directory_is_an_error_of_the_disk() -> None:
    Path("live").write_text("a file")
    with pytest.raises(LocalIOError):
        live.run()


def test_threads_share_a_run() -> None:
    with live.run() as run:

        def work(name: str) -> None:
            for step in range(100):
                run.log({name: step}, step=step)

        threads = [threading.Thread(target=work, args=(f"m{at}",)) for at in range(8)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
    for at in range(8):
        assert rows(f"m{at}")[1:] == [f"{step}\t{step}" for step in range(100)]
    assert {name: value for name, value in metrics().items() if name != "step"} == {f"m{at}": 99 for at in range(8)}


def test_more_metrics_than_open_files() -> None:
    before = len(os.listdir("/dev/fd"))
    with live.run() as run:
        for step in range(2):
            run.log({f"m{at}": at for at in range(200)}, step=step)
        assert len(os.listdir("/dev/fd")) - before < 150
    assert all(len(rows(f"m{at}")) == 3 for at in range(200))


def test_a_second_process_is_refused() -> None:
    with live.run() as run:
        run.log(loss=1)
        done = run_python("from dver import live; live.run()")
        assert "ConflictError: another process logs to" in done.stderr
        assert "rank 0" in done.stderr
    assert run_python("from dver import live; live.run()").returncode == 0


def test_a_forked_process_does_not_log() -> None:
    code = """
import os, sys
from dver import live
run = live.run()
for step in range(2000):
    run.log(loss=step)  # the last value may wait to be written
if os.fork():
    run.log(loss=-1)
    run.close()
    os.wait()
else:
    try:
        run.log(loss=-2)
    except live.live_run.UsageError as error:
        print(error)
    sys.exit()
"""
    assert run_python(code).stdout == "this run belongs to another process\n"
    assert metrics() == {"loss": -1, "step": 2000}


def test_a_second_run_in_one_process_ends_the_first() -> None:
    first = live.run()
    first.log(loss=1)
    second = live.run()
    second.log(loss=2)
    with pytest.raises(UsageError, match="this run is closed"):
        first.log(loss=3)
    second.close()
    second.close()
    assert metrics() == {"loss": 2, "step": 0}


def test_the_last_values_are_written_when_a_program_ends_without_closing() -> None:
    run_python("from dver import live\nrun = live.run()\nfor step in range(2000):\n    run.log(loss=step)")
    assert metrics() == {"loss": 1999, "step": 1999}


def test_an_error_in_the_block_keeps_what_was_logged() -> None:
    with pytest.raises(UsageError), live.run() as run:
        [run.log(loss=value) for value in (1, "low")]
    assert metrics() == {"loss": 1, "step": 0}


def test_a_working_directory_that_changes_does_not_move_the_files(tmp_path: Path) -> None:
    with live.run("logs/a") as run:
        run.log(loss=1)
        os.chdir("/")
        run.log(loss=2)
    os.chdir(tmp_path)
    assert rows("loss", "logs/a")[-1] == "1\t2"


def test_parameters_of_any_kind_become_yaml() -> None:
    with live.run() as run:
        run.params(
            {"opt/lr": np.float32(0.5), 3: (1, np.int8(2)), "path": Path("data/x"), "none": None, "nan": math.nan}
        )
        run.params(nested={"a": {"b": "ü: \n"}}, kind=type)
    found = yaml.safe_load(Path("live/params.yaml").read_text())
    assert math.isnan(found.pop("nan"))
    assert found == {
        "opt/lr": 0.5,
        "3": [1, 2],
        "path": "data/x",
        "none": None,
        "nested": {"a": {"b": "ü: \n"}},
        "kind": "<class 'type'>",
    }


def test_artifacts_are_recorded_with_size_and_hash() -> None:
    from blake3 import blake3

    Path("model/sub").mkdir(parents=True)
    Path("model/a.bin").write_bytes(b"a" * 1000)
    Path("model/sub/b.bin").write_bytes(b"")
    with live.run() as run:
        run.artifact("model")
        run.artifact(Path("model/a.bin"))
        with pytest.raises(UsageError, match=r"'gone\.pt' cannot be read"):
            run.artifact("gone.pt")
    found = yaml.safe_load(Path("live/artifacts.yaml").read_text())
    assert found == {
        "model/a.bin": {"size": 1000, "blake3": blake3(b"a" * 1000).hexdigest()},
        "model/sub/b.bin": {"size": 0, "blake3": blake3(b"").hexdigest()},
    }


def test_it_is_a_name_of_dver_and_imports_little() -> None:
    assert dver.live is live
    heavy = {"git", "fsspec", "yaml", "numpy", "blake3", "ruamel", "asyncio", "subprocess"}
    done = run_python("import sys, dver\ndver.live.run\nprint(*{one.split('.')[0] for one in sys.modules})")
    assert heavy.isdisjoint(done.stdout.split())
    assert "json" in done.stdout.split()

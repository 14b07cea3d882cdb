"""`dver profile` and `project.profile`: what they print, write and return."""

from __future__ import annotations

import json
import signal
import sys
import time
from pathlib import Path

import pytest
from support import Run, start_dver
from workspaces import Project, write

import dver
from dver.cli.main import main
from dver.cli.render import terminal
from dver.cli.render.quality.profiles import profile_json

ROWS = b"".join(b"%d,%s,%s\n" % (at, b"ab"[at % 2 : at % 2 + 1] * 3, b"" if at % 5 else b"0.5") for at in range(100))
TABLE = b"id,name,score\n" + ROWS


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with a directory of tables, whose profile is known."""
    made = Project.make(tmp_path_factory.mktemp("profiles") / "repo")
    write(
        made.root,
        {"data/part-1.csv": TABLE, "data/part-2.csv": TABLE[:14] + ROWS[:-1] + b"1\n", "data/notes.bin": b"x"},
    )
    made.save("data")
    dver.Project.find(made.root).profile("data")
    return made


def test_the_table_has_a_line_for_each_column(shared: Project, run: Run) -> None:
    shown = run("profile", "data", cwd=shared.root)
    first, header, *lines = shown.out.splitlines()
    assert first == "data/part-*.csv: 200 rows in 2 files, 1.7 kB"
    assert header.split() == ["column", "type", "nulls", "distinct", "min", "median", "mean", "max", "most", "frequent"]
    assert " ".join(lines[1].split()) == "name text - 2 aaa - - bbb aaa (50.0 %), bbb (50.0 %)"
    assert lines[2].split()[:4] == ["score", "number", "79.5", "%"]
    assert "1 other file not profiled" in shown.err


@pytest.mark.parametrize(("columns", "shown"), [(120, "most frequent"), (80, "mean"), (60, "median"), (36, "distinct")])
def test_a_narrow_terminal_shows_fewer_figures_and_no_cut_lines(
    shared: Project, columns: int, shown: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(terminal, "is_terminal", lambda stream: stream is sys.stdout)
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.chdir(shared.root)
    assert main(["profile", "data"]) == 0
    header, *lines = capsys.readouterr().out.splitlines()[1:]
    assert header.endswith("max" if 36 < columns < 120 else shown)
    assert shown in header
    assert max(map(len, lines)) <= columns
    assert not any("…" in line for line in lines)


def test_paths_are_relative_to_the_current_directory(shared: Project, run: Run) -> None:
    shown = run("profile", "part-1.csv", "part-2.csv", cwd=shared.root / "data")
    assert [line for line in shown.out.splitlines() if line.startswith("data/")] == [
        "data/part-1.csv: 100 rows, 864 B",
        "data/part-2.csv: 100 rows, 865 B",
    ]


def test_json_has_the_figures_and_no_sketches(shared: Project, run: Run) -> None:
    (said,) = json.loads(run("profile", "data", "--json", cwd=shared.root).out)
    (table,) = said["collections"]
    assert (said["scanned_files"], said["ignored"], table["rows"]) == (0, 1, 200)
    assert table["columns"][1]["top"] == [["aaa", 100], ["bbb", 100]]
    assert "profile" not in said


def test_python_has_the_same_figures_and_a_display(shared: Project) -> None:
    (found,) = dver.Project.find(shared.root).profile("data")
    (table,) = found.collections
    column = table.columns[0]
    assert (column.name, column.minimum, column.median, column.maximum, column.distinct) == ("id", 0, 49, 99, 100)
    assert "<th>median</th>" in found._repr_html_()
    assert repr(found).startswith("ProfiledData(path='data', oid=")
    assert profile_json(found)["path"] == "data"


def test_html_writes_a_page_and_replaces_no_other_file(shared: Project, run: Run, tmp_path: Path) -> None:
    page = tmp_path / "profile.html"
    run("profile", "data", "--html", page, cwd=shared.root)
    assert b"part-*.csv" in page.read_bytes()
    run("profile", "data", "--html", page, cwd=shared.root)
    page.write_text("mine")
    assert "already exists" in run("profile", "data", "--html", page, cwd=shared.root, rc=4).err
    assert "--html takes one PATH" in run("profile", "data", "data", "--html", "x.html", cwd=shared.root, rc=2).err


def test_markup_in_names_and_values_is_escaped_in_notebooks(tmp_path: Path) -> None:
    made = Project.make(tmp_path / "repo")
    write(made.root, {"a.csv": b"<script>alert(1)</script>\n<b>\n<b>\n"})
    (found,) = dver.Project.find(made.root).profile("a.csv")
    assert "<script>" not in found._repr_html_()
    assert "<b>" not in found._repr_html_()


def test_a_private_column_has_no_values(shared: Project, run: Run) -> None:
    shown = run("profile", "data/part-1.csv", "--private", "name", cwd=shared.root).out
    assert "aaa" not in shown
    assert "(private)" in shown


def test_a_damaged_file_is_named_and_the_rest_of_its_directory_is_profiled(tmp_path: Path, run: Run) -> None:
    made = Project.make(tmp_path / "repo")
    write(made.root, {"data/a.csv": TABLE, "data/b.csv": b"id,name,score\n1,2\n"})
    failed = run("profile", "data/b.csv", cwd=made.root, rc=6)
    assert "data/b.csv" in failed.err
    shown = run("profile", "data", cwd=made.root)
    assert "100 rows in 2 files" in shown.out
    assert "unreadable: b.csv" in shown.err
    made.save("data")
    run("profile", "data", cwd=made.root)
    known = run("profile", "data/b.csv", cwd=made.root, rc=6)
    assert "data/b.csv" in known.err


def test_the_fix_of_missing_data_works_when_typed(shared: Project, run: Run, tmp_path: Path) -> None:
    made = Project.make(tmp_path / "repo")
    (tmp_path / "remote").mkdir()
    run("remote", "add", "-d", "origin", tmp_path / "remote", cwd=made.root)
    made.git("add", "-A")
    write(made.root, {"data/a.csv": TABLE})
    made.save("data")
    run("profile", "data", cwd=made.root)
    run("push", cwd=made.root)
    clone = made.clone(tmp_path / "clone", share=False)
    failed = run("profile", "data", cwd=clone.root, rc=5)
    fix = next(line for line in failed.err.splitlines() if line.startswith("fix: "))
    first, _, second = fix.removeprefix("fix: ").partition("; or, to profile the data: ")
    assert run(*first.split()[1:], cwd=clone.root).out.startswith("fetched 1 profile")
    assert "100 rows" in run("profile", "data", cwd=clone.root).out
    run(*second.split()[1:], cwd=clone.root)
    assert run("profile", "data/a.csv", cwd=clone.root).rc == 0


def test_an_interrupted_profile_leaves_nothing(tmp_path: Path) -> None:
    made = Project.make(tmp_path / "repo")
    write(made.root, {f"data/{at}.csv": b"a,b\n" + b"%d,xyz\n" % at * 200_000 for at in range(20)})
    started = start_dver("profile", "data", cwd=made.root)
    deadline = time.monotonic() + 30
    while not list(made.root.glob(".git/dver/store/tmp/*")) and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.2)  # in the scan: Ctrl-C while a file is created may leave it for gc
    started.send_signal(signal.SIGINT)
    assert started.wait() == 130
    assert made.leftovers() == []
    assert list((made.root / ".git/dver").glob("scratch-*")) == []
    assert dver.Project.find(made.root).profile("data")[0].collections[0].rows == 4_000_000


@pytest.mark.parametrize("library", ["numpy", "pyarrow"])
def test_without_the_extra_the_error_has_the_command_that_installs_it(
    shared: Project, library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(dver.UsageError) as caught:
        dver.Project.find(shared.root).profile("data")
    assert caught.value.fix == 'pip install "dver[data]"'


def test_a_private_column_that_does_not_exist_is_an_error_and_no_value_is_shown(shared: Project, run: Run) -> None:
    shown = run("profile", "data", "--private", "nmae", cwd=shared.root, rc=2)
    assert "error: 'data' has no column 'nmae'; did you mean 'name'?" in shown.err
    assert "aaa" not in shown.out


def test_data_that_was_meant_is_suggested_in_a_subdirectory(shared: Project, run: Run) -> None:
    (shared.root / "other").mkdir(exist_ok=True)
    assert "fix: did you mean '../data'?" in run("profile", "data", cwd=shared.root / "other", rc=2).err
    assert "fix: `dver ls ..` lists tracked data" in run("profile", "xyz", cwd=shared.root / "other", rc=2).err


def test_a_page_does_not_replace_another_file(shared: Project, run: Run) -> None:
    (shared.root / "other").mkdir(exist_ok=True)
    shown = run("profile", "../data", "--html", "../data.dver", cwd=shared.root / "other", rc=4)
    assert f"error: '{shared.root / 'data.dver'}' already exists and is not a page of a profile" in shown.err

"""`dver repro` through the real command line: what is run, what is recorded, and what happens when it ends early."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from killing import KILLS, timed
from support import Run, git, start_dver

from dver.formats import lock

REPRO = [sys.executable, "-m", "dver", "-q", "repro"]


@pytest.fixture
def project(run: Run, git_repo: Path) -> Path:
    run("init", cwd=git_repo)
    (git_repo / "raw").write_text("raw\n")
    git("add", "-A", cwd=git_repo)
    git("commit", "-qm", "Project", cwd=git_repo)
    return git_repo


def write(project: Path, text: str) -> None:
    (project / "dver.yaml").write_text(f"stages:\n{text}")


def locked(project: Path) -> lock.Lock:
    return lock.decode((project / "dver.lock").read_bytes())


def what_repro_writes(project: Path) -> dict[str, bytes]:
    files = [project / "dver.lock", *project.rglob(".gitignore"), *project.rglob("*.dver"), project / ".git/index"]
    return {os.fspath(one): one.read_bytes() for one in files if one.is_file()}


def is_up_to_date(run: Run, project: Path) -> bool:
    return run("repro", "--dry-run", cwd=project).out == "everything is up to date\n"


def until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_outputs_are_removed_before_a_run_unless_they_persist(run: Run, project: Path) -> None:
    write(
        project,
        """\
  a:
    cmd: mkdir -p fresh kept left; touch fresh/$N kept/$N left/$N
    env: [N]
    outs: [fresh, kept: {persist: true}, left: {cache: false}]
""",
    )
    for number in "12":
        run("repro", cwd=project, env={"N": number})
    assert [len(list((project / name).iterdir())) for name in ("fresh", "kept", "left")] == [1, 2, 1]


def test_a_link_in_the_place_of_an_output_is_removed_and_not_followed(run: Run, project: Path) -> None:
    write(project, "  a: {cmd: mkdir out; echo a > out/a, outs: [out]}\n")
    (project / "mine").mkdir()
    (project / "mine/file").write_text("mine\n")
    (project / "out").symlink_to("mine")
    run("repro", cwd=project)
    assert (project / "mine/file").read_text() == "mine\n"
    assert not (project / "out").is_symlink()


def test_an_output_that_was_not_made_is_an_error_and_nothing_is_recorded(run: Run, project: Path) -> None:
    write(project, "  a: {cmd: touch made, deps: [raw], outs: [made, missing]}\n")
    before = what_repro_writes(project)
    error = run("repro", cwd=project, rc=10).err
    assert "did not make missing" in error
    assert what_repro_writes(project) == before


def test_a_stage_that_fails_leaves_lock_pointers_and_gitignore_as_they_were(run: Run, project: Path) -> None:
    write(
        project,
        "  a: {cmd: cp raw a, deps: [raw], outs: [a]}\n  b: {cmd: cp a b; test ! -e fail, deps: [a], outs: [b]}\n",
    )
    (project / "tracked").write_text("t\n")
    run("add", "tracked", cwd=project)
    run("repro", cwd=project)
    (project / "fail").touch()
    (project / "raw").write_text("other\n")
    run("repro", "--single-item", "a", cwd=project)
    before = what_repro_writes(project)
    assert "stage 'b' failed" in run("repro", cwd=project, rc=10).err
    assert what_repro_writes(project) == before
    (project / "fail").unlink()
    run("repro", cwd=project)
    assert (project / "b").read_text() == "other\n"


def test_a_command_of_several_lines_fails_with_its_first_line_that_fails(run: Run, project: Path) -> None:
    write(
        project,
        """\
  a:
    cmd: |
      mkdir -p work
      cd work
      cp ../raw \\
        copy
      test -e ../ok && X=1
      echo $X > out
    deps: [raw]
    outs: [work/out]
""",
    )
    assert "its command exited with code 1" in run("repro", cwd=project, rc=10).err
    assert not (project / "dver.lock").exists()
    (project / "ok").touch()
    run("repro", cwd=project)
    assert (project / "work/out").read_text() == "1\n"


def test_after_a_failure_what_was_finished_is_recorded_and_the_rest_goes_on_if_wanted(run: Run, project: Path) -> None:
    write(
        project,
        """\
  a: {cmd: touch a, outs: [a]}
  b: {cmd: 'false', deps: [a], outs: [b]}
  c: {cmd: touch c, deps: [b], outs: [c]}
  z: {cmd: touch z, outs: [z]}
""",
    )
    run("repro", "--keep-going", cwd=project, rc=10)
    assert set(locked(project).stages) == {"a", "z"}
    assert not (project / "c").exists()


def test_whitespace_in_a_command_counts_and_the_order_of_files_does_not(run: Run, project: Path) -> None:
    def reasons(cmd: str, deps: str, outs: str) -> str:
        write(project, f"  a: {{cmd: '{cmd}', deps: {deps}, outs: {outs}}}\n")
        return run("repro", "--dry-run", cwd=project).out

    (project / "more").touch()
    reasons("touch a b", "[raw, more]", "[a, b]")
    run("repro", cwd=project)
    assert reasons("touch a b", "[more, raw]", "[b, a]") == "everything is up to date\n"
    assert "command changed" in reasons("touch a  b", "[raw, more]", "[a, b]")


def test_a_hit_in_the_run_cache_whose_outputs_are_gone_is_no_hit(run: Run, project: Path) -> None:
    write(project, "  a: {cmd: cat raw > out; echo ran >> runs, deps: [raw], outs: [out]}\n")
    for content in ("one\n", "two\n", "one\n"):
        (project / "raw").write_text(content)
        run("repro", cwd=project)
        assert (project / "out").read_text() == content
    assert (project / "runs").read_text() == "ran\n" * 2
    shutil.rmtree(project / ".git/dver/store")
    (project / "raw").write_text("two\n")
    run("repro", cwd=project)
    assert (project / "out").read_text() == "two\n"
    assert (project / "runs").read_text() == "ran\n" * 3


def test_a_directory_that_holds_what_other_stages_make_comes_after_them(run: Run, project: Path) -> None:
    write(
        project,
        """\
  sum: {cmd: ls parts > sum, deps: [parts], outs: [sum]}
  one: {cmd: touch parts/1, outs: [parts/1]}
  two: {cmd: touch parts/2, outs: [parts/2]}
""",
    )
    run("repro", "-j", "4", cwd=project)
    assert (project / "sum").read_text() == "1\n2\n"
    assert is_up_to_date(run, project)


def test_stages_side_by_side_never_corrupt_the_lock_and_status_works_meanwhile(run: Run, project: Path) -> None:
    write(
        project,
        """\
  each:
    matrix: {n: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20]}
    cmd: sleep 0.$((RANDOM % 5)); echo ${item.n} > out${item.n}
    outs: ["out${item.n}"]
""",
    )
    process = subprocess.Popen([*REPRO, "-j", "8"], cwd=project)
    while process.poll() is None:
        run("status", cwd=project)
        if (project / "dver.lock").exists():
            locked(project)
    assert process.returncode == 0
    assert len(locked(project).stages) == 20
    assert is_up_to_date(run, project)


def test_status_tells_of_the_rest_while_a_stage_writes_its_outputs(run: Run, project: Path) -> None:
    make = "rm -rf out; mkdir -p out/a/b out/c; touch out/a/b/x out/c/y"
    (project / "churn.sh").write_text(f"while ! test -e stop; do {make}; done; mkdir -p out; touch out/z\n")
    write(project, "  a: {cmd: sh churn.sh, deps: [raw], outs: [out]}\n  b: {cmd: cp raw x, deps: [raw], outs: [x]}\n")
    (project / "stop").touch()
    run("repro", cwd=project)
    (project / "stop").unlink()
    (project / "raw").write_text("new\n")
    with subprocess.Popen([*REPRO, "a"], cwd=project, stderr=subprocess.DEVNULL) as process:
        until(lambda: not (project / "out/z").exists())
        for _ in range(10):
            assert "changed: raw" in run("status", cwd=project).out
        (project / "stop").touch()
    assert process.returncode == 0


def test_two_schedulers_at_once_run_each_stage_once_at_a_time(run: Run, project: Path) -> None:
    write(project, "  a: {cmd: touch begun; cat gate; touch out, outs: [out]}\n")
    os.mkfifo(project / "gate")
    first = subprocess.Popen(REPRO, cwd=project)
    until((project / "begun").exists)
    assert "is already running" in run("repro", cwd=project, rc=10).err
    (project / "gate").write_text("")
    assert first.wait() == 0
    assert is_up_to_date(run, project)


def test_runs_of_different_stages_at_once_keep_what_each_other_recorded(run: Run, project: Path) -> None:
    write(project, "  a: {cmd: touch begun; cat gate; touch a, outs: [a]}\n  b: {cmd: touch b, outs: [b]}\n")
    os.mkfifo(project / "gate")
    first = subprocess.Popen([*REPRO, "a"], cwd=project)
    until((project / "begun").exists)
    with (project / "dver.yaml").open("a") as file:
        file.write("  added: {cmd: touch c, outs: [c]}\n")
    run("repro", "b", "added", cwd=project)
    (project / "gate").write_text("")
    assert first.wait() == 0
    assert set(locked(project).stages) == {"a", "b", "added"}
    write(project, "  b: {cmd: touch b, outs: [b]}\n  a2: {cmd: touch a, outs: [a]}\n")
    run("repro", cwd=project)
    assert set(locked(project).stages) == {"b", "a2"}


def test_a_second_run_leaves_alone_what_the_first_is_making(run: Run, project: Path) -> None:
    write(project, "  a: {cmd: 'touch a; while [ ! -e go ]; do sleep 0.05; done', outs: [a]}\n")
    first = subprocess.Popen(REPRO, cwd=project)
    until((project / "a").exists)
    assert "is already running" in run("repro", "--force", cwd=project, rc=10).err
    assert (project / "a").exists()
    (project / "go").touch()
    assert first.wait(timeout=60) == 0
    assert is_up_to_date(run, project)


STOPPED = """\
  done: {cmd: touch done, outs: [done]}
  long:
    cmd: |
      trap 'echo asked >> asked; ANSWER' INT
      echo $$ > begun
      while true; do sleep 0.05; done
    deps: [done]
    outs: [long]
  after: {cmd: touch after, deps: [long], outs: [after]}
"""


def test_ctrl_c_goes_to_the_stage_and_what_was_finished_is_recorded(run: Run, project: Path) -> None:
    write(project, STOPPED.replace("ANSWER", "exit 1"))
    process = subprocess.Popen(REPRO, cwd=project)
    until((project / "begun").exists)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 130
    assert (project / "asked").read_text() == "asked\n"
    assert set(locked(project).stages) == {"done"}
    assert not (project / "after").exists()


def test_a_second_ctrl_c_ends_a_stage_that_goes_on(run: Run, project: Path) -> None:
    write(project, STOPPED.replace("ANSWER", "true"))
    process = subprocess.Popen(REPRO, cwd=project)
    until(lambda: (project / "begun").exists() and (project / "begun").read_text() != "")
    process.send_signal(signal.SIGINT)
    until((project / "asked").exists)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 130
    with pytest.raises(ProcessLookupError):
        os.kill(int((project / "begun").read_text()), 0)
    assert set(locked(project).stages) == {"done"}


CHAIN = "".join(
    f"  s{number}: {{cmd: 'cat in{number} > in{number + 1}; echo {number} >> in{number + 1}', "
    f"deps: [in{number}], outs: [in{number + 1}]}}\n"
    for number in range(12)
)


@pytest.mark.long
def test_after_a_kill_at_any_moment_the_next_run_is_right(run: Run, project: Path) -> None:
    write(project, CHAIN)
    (project / "in0").write_text("begin\n")
    took = timed("repro", cwd=project)
    chance = random.Random(5)
    killed = 0
    for number in range(KILLS):
        (project / "in0").write_text(f"{number}\n")
        process = start_dver("-q", "repro", "-j", "2", cwd=project)
        try:
            process.wait(chance.uniform(0.0, 1.2) * took)
        except subprocess.TimeoutExpired:
            process.kill()
            killed += process.wait() != 0
        if (project / "dver.lock").exists():
            locked(project)
        until(lambda: "is already running" not in run("repro", cwd=project, rc=None).err)
        assert (project / "in12").read_text() == f"{number}\n" + "".join(f"{step}\n" for step in range(12))
        assert is_up_to_date(run, project)
        run("fsck", cwd=project)
    assert killed


def test_outputs_that_a_lock_names_are_put_back_without_the_run_cache(run: Run, project: Path) -> None:
    stamped = "cp raw made; date +%s%N > stamp"
    write(project, f"  one: {{cmd: {stamped}, deps: [raw], outs: [made, stamp: {{cache: false}}]}}\n")
    run("repro", cwd=project)
    stamp = (project / "stamp").read_text()
    shutil.rmtree(project / ".git/dver/store/runs")
    (project / "made").unlink()
    assert json.loads(run("repro", "--json", cwd=project).out) == {"one": "restored"}
    assert (project / "made").read_text() == "raw\n"
    assert (project / "stamp").read_text() == stamp


def test_small_outputs_that_are_left_to_git_are_put_back_too(run: Run, project: Path) -> None:
    stamped = "date +%s%N > stamp; mkdir more; cp stamp raw more"
    outs = "[stamp: {cache: false}, more: {cache: false}]"
    write(project, f"  one: {{cmd: {stamped}, params: [lr], metrics: {outs}}}\n")
    files = ("stamp", "more/stamp", "more/raw")

    def repro(lr: int) -> tuple[str, list[str]]:
        (project / "params.yaml").write_text(f"lr: {lr}\n")
        state = json.loads(run("repro", "--json", cwd=project).out)["one"]
        return state, [(project / name).read_text() for name in files]

    first, second = repro(1), repro(2)
    assert (first[0], second[0]) == ("done", "done")
    assert first[1] != second[1]
    assert repro(1) == ("restored", first[1])
    shutil.rmtree(project / "more")
    assert repro(1) == ("restored", first[1])
    assert not (project / ".gitignore").exists(), "they are no data of dver's"
    assert run("ls", cwd=project).out == ""
    run("gc", "--grace", "0d", cwd=project)
    assert repro(2)[0] == "done", "nothing names their content but the run cache, so gc takes it"


def test_large_outputs_that_are_left_to_git_are_not_kept_a_second_time(run: Run, project: Path) -> None:
    write(project, "  one: {cmd: head -c 1100000 /dev/urandom > big, deps: [raw], outs: [big: {cache: false}]}\n")
    run("repro", cwd=project)
    assert sum(one.stat().st_size for one in (project / ".git/dver/store").rglob("*") if one.is_file()) < 100_000
    (project / "big").unlink()
    assert json.loads(run("repro", "--json", cwd=project).out) == {"one": "done"}


def test_an_output_that_is_a_link_is_refused_unless_it_is_left_to_git(run: Run, project: Path) -> None:
    write(project, "  one: {cmd: ln -s raw made, deps: [raw], outs: [made]}\n")
    assert "created a symbolic link: made" in run("repro", cwd=project, rc=10).err
    write(project, "  one: {cmd: ln -s raw made, deps: [raw], outs: [made: {cache: false}]}\n")
    run("repro", cwd=project)
    assert is_up_to_date(run, project)
    (project / "made").unlink()
    run("repro", cwd=project)
    assert (project / "made").is_symlink()


def test_a_dry_run_says_which_files_of_a_directory_changed(run: Run, project: Path) -> None:
    write(project, "  a: {cmd: ls data > x, deps: [data], outs: [x]}\n")
    (project / "data/sub").mkdir(parents=True)
    for name in ("kept", "edited", "gone", "sub/inner"):
        (project / "data" / name).write_text(name)
    run("add", "data", cwd=project)
    run("repro", cwd=project)
    (project / "data/edited").write_text("otherwise")
    (project / "data/gone").unlink()
    (project / "data/sub/inner").write_text("INNER")
    (project / "data/new").write_text("new")
    text = run("repro", "--dry-run", cwd=project).out
    assert "changed: data, 4 files (1 added, 1 removed, 2 modified): edited, gone, new, …\n" in text
    assert "    M sub/inner  (9 B -> 5 B)\n" in run("-v", "repro", "--dry-run", cwd=project).out
    (step,) = run("repro", "--dry-run", "--json", cwd=project).json
    assert (step["stage"], step["intent"]) == ("a", "run")
    (reason,) = step["reasons"]
    assert (reason["reason"], reason["path"], reason["changed"]) == ("dependency_changed", "data", 4)
    assert {one["path"]: one["status"] for one in reason["files"]} == {
        "edited": "modified",
        "gone": "removed",
        "new": "added",
        "sub/inner": "modified",
    }


def test_a_dry_run_names_sizes_where_files_are_not_known(run: Run, project: Path) -> None:
    write(project, "  a: {cmd: cp raw x, deps: [raw, 'src/*.py'], outs: [x]}\n")
    (project / "src").mkdir()
    (project / "src/a.py").write_text("1\n")
    run("repro", "--no-run-cache", cwd=project)
    shutil.rmtree(project / ".git/dver/store")
    (project / "raw").write_text("more than that\n")
    (project / "src/b.py").write_text("2\n")
    text = run("repro", "--dry-run", cwd=project).out
    assert "changed: raw (4 B -> 15 B)\n" in text
    assert "changed: src/*.py (1 file, 2 B -> 2 files, 4 B)\n" in text


def aside(project: Path) -> dict[str, str]:
    """What was put aside, by name."""
    folder = project / ".git/dver/aside"
    return {one.name: one.read_text() for one in sorted(folder.rglob("*")) if one.is_file()}


def test_an_output_that_was_changed_by_hand_is_moved_out_of_the_way_and_not_deleted(run: Run, project: Path) -> None:
    write(project, "  a: {cmd: mkdir x && cp raw x/made, deps: [raw], outs: [x]}\n")
    run("repro", cwd=project)
    (project / "x/made").write_text("by hand\n")
    found = run("repro", cwd=project)
    assert (project / "x/made").read_text() == "raw\n", "put back from the run cache"
    warning = found.err.partition("warning: x was not produced by stage a; moved to ")[2]
    assert (project / warning.strip() / "made").read_text() == "by hand\n"
    (project / "x/made").write_text("by hand again\n")
    (project / "raw").write_text("new\n")
    assert "warning: x was not produced by stage a" in run("repro", cwd=project).err
    assert (project / "x/made").read_text() == "new\n"
    assert sorted(one.read_text() for one in (project / ".git/dver/aside").rglob("made")) == [
        "by hand\n",
        "by hand again\n",
    ]
    run("gc", "--grace", "0d", cwd=project)
    assert aside(project) == {}


def test_an_output_that_was_there_before_the_first_run_is_not_lost(run: Run, project: Path) -> None:
    write(project, "  a: {cmd: cp raw x, deps: [raw], outs: [x]}\n")
    (project / "x").write_text("of no run\n")
    assert "warning: x was not produced by stage a" in run("repro", cwd=project).err
    assert aside(project) == {"x": "of no run\n"}


def test_what_runs_have_made_and_what_git_has_is_not_put_aside(run: Run, project: Path) -> None:
    write(project, "  a: {cmd: cp raw x && cp raw m, deps: [raw], outs: [x], metrics: [m: {cache: false}]}\n")
    run("repro", cwd=project)
    (project / "raw").write_text("new\n")
    run("repro", cwd=project)
    git("add", "-A", cwd=project)
    git("commit", "-qm", "Run", cwd=project)
    (project / "x").write_text("raw\n")  # as an earlier run made it: the store has it
    (project / "m").write_text("in Git\n")
    git("commit", "-qam", "Edit", cwd=project)
    found = run("repro", "--no-run-cache", cwd=project)
    assert "warning" not in found.err
    assert aside(project) == {}


def test_what_a_failed_run_left_is_not_put_aside_unless_it_was_changed_since(run: Run, project: Path) -> None:
    write(project, "  a: {cmd: echo half > x; test -e ok, deps: [raw], outs: [x]}\n")
    for _ in range(2):
        assert "warning" not in run("repro", cwd=project, rc=10).err
    time.sleep(0.05)
    (project / "x").write_text("mended by hand\n")
    assert "warning: x was not produced by stage a" in run("repro", cwd=project, rc=10).err
    (project / "ok").touch()
    assert "warning" not in run("repro", cwd=project).err
    assert aside(project) == {"x": "mended by hand\n"}
    assert not list((project / ".git/dver/unfinished").iterdir())


def test_what_a_killed_run_left_is_not_put_aside(run: Run, project: Path) -> None:
    write(project, "  a: {cmd: echo half > x; test -e ok || sleep 1, deps: [raw], outs: [x]}\n")
    with subprocess.Popen(REPRO, cwd=project, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        until(lambda: (project / "x").exists() and (project / "x").read_text() == "half\n")
        process.kill()
    (project / "ok").touch()
    until(lambda: run("repro", cwd=project, rc=None).rc == 0)
    assert aside(project) == {}


def test_of_a_dependency_that_is_a_link_what_it_leads_to_is_read(run: Run, project: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "set/sub").mkdir(parents=True)
    (elsewhere / "set/sub/a").write_text("a\n")
    (elsewhere / "one").write_text("one\n")
    (project / "data").symlink_to("set")
    (project / "set").symlink_to(elsewhere / "set")
    (project / "file").symlink_to(elsewhere / "one")
    write(project, "  a: {cmd: cat data/sub/* file > x, deps: [data, file, 'f*le'], outs: [x]}\n")
    run("repro", cwd=project)
    assert is_up_to_date(run, project)
    deps = {one.path: (one.kind.name, one.size) for one in locked(project).stages["a"].deps}
    assert deps == {"data": ("TREE", 2), "file": ("BLOB", 4), "f*le": ("TREE", 4)}
    (elsewhere / "set/sub/b").write_text("b\n")
    told = run("repro", "--dry-run", cwd=project).out
    assert told == "run a\n  changed: data, 1 file (1 added): sub/b\n"
    run("repro", cwd=project)
    assert (project / "x").read_text() == "a\nb\none\n"
    (elsewhere / "one").write_text("other\n")
    assert "changed: file (4 B -> 6 B)\n" in run("repro", "--dry-run", cwd=project).out
    (elsewhere / "one").unlink()
    assert "missing: file\n" in run("repro", "--dry-run", cwd=project).out
    (elsewhere / "one").symlink_to(project / "file")
    assert "is missing its dependency file" in run("repro", cwd=project, rc=10).err


def test_files_of_a_directory_that_is_here_in_part_are_told_without_those_that_never_were(
    run: Run, project: Path
) -> None:
    write(project, "  a: {cmd: ls data > x, deps: [data], outs: [x]}\n")
    for name in ("one", "two"):
        (project / "data" / name).mkdir(parents=True)
        (project / "data" / name / "file").write_text(name)
    run("add", "data", cwd=project)
    run("repro", cwd=project)
    shutil.rmtree(project / "data")
    run("checkout", "data/one", cwd=project)
    assert is_up_to_date(run, project)
    (project / "data/one/file").write_text("edited")
    told = run("repro", "--dry-run", cwd=project).out
    assert told == "run a\n  changed: data, 1 file (1 modified): one/file\n"


def test_a_directory_that_was_a_file_and_one_that_is_a_file_now_are_told(run: Run, project: Path) -> None:
    write(project, "  a: {cmd: ls data more > x, deps: [data, more], outs: [x]}\n")
    (project / "data").mkdir()
    (project / "data/inner").write_text("1\n")
    (project / "more").write_text("more\n")
    run("repro", cwd=project)
    shutil.rmtree(project / "data")
    (project / "data").write_text("1\n")
    (project / "more").unlink()
    (project / "more").mkdir()
    (project / "more/inner").write_text("2\n")
    told = run("repro", "--dry-run", cwd=project).out
    assert "changed: data (1 file, 2 B -> 2 B)\n" in told
    assert "changed: more, " in told


def test_a_stage_with_neither_dependencies_nor_outputs_always_runs(run: Run, project: Path) -> None:
    write(project, "  a: {cmd: echo >> ran}\n  b: {cmd: echo >> b, deps: [raw]}\n")
    for times in (1, 2):
        run("repro", cwd=project)
        assert (project / "ran").read_text() == "\n" * times
    assert (project / "b").read_text() == "\n"
    found = run("repro", "--dry-run", cwd=project).out
    assert found == "run a\n  no dependencies and no outputs\n"
    assert "out of date" not in run("status", cwd=project).out


def test_an_output_that_git_tracks_is_refused_with_the_remedy(run: Run, project: Path) -> None:
    write(project, "  a: {cmd: 'mkdir -p out; cp raw out', deps: [raw], outs: [out]}\n")
    (project / "out").mkdir()
    (project / "out/old").write_text("old\n")
    git("add", "out", cwd=project)
    for command in ("repro", "commit"):
        error = run(command, cwd=project, rc=9).err
        assert "stage 'a' has the output 'out', but Git tracks out/old" in error
        assert (project / "out/old").exists()
    assert "Git tracks out/old" in run("status", cwd=project).err
    fix = re.search(r"fix: (git rm .*?); or", error)
    assert fix is not None
    subprocess.run(fix[1], shell=True, cwd=project, check=True)
    run("repro", cwd=project)
    assert (project / "out/raw").exists()
    write(project, "  a: {cmd: 'mkdir -p out; cp raw out', deps: [raw], outs: [out: {cache: false}]}\n")
    git("add", "-f", "out", cwd=project)
    run("repro", cwd=project)


def test_a_stage_that_comes_back_need_not_run_again(run: Run, project: Path) -> None:
    both = "  a: {cmd: cat raw > a; echo >> ran, deps: [raw], outs: [a, b: {cache: false}]}\n"
    both = both.replace("> a;", "> a; touch b;")
    other = "  z: {cmd: touch z, deps: [raw], outs: [z]}\n"
    write(project, both)
    run("repro", cwd=project)
    git("add", "-A", cwd=project)
    git("commit", "-qm", "Ran", cwd=project)
    shutil.rmtree(project / ".git/dver/store/runs")  # as in a clone that only got the lock
    write(project, other)
    run("repro", cwd=project)
    assert set(locked(project).stages) == {"z"}
    write(project, both + other)
    assert "restore a" in run("repro", "--dry-run", cwd=project).out
    run("repro", cwd=project)
    assert (project / "ran").read_text() == "\n"
    assert set(locked(project).stages) == {"a", "z"}


def test_files_that_are_missing_from_an_output_are_named_and_only_they_are_restored(run: Run, project: Path) -> None:
    write(project, "  a: {cmd: mkdir out; touch out/a out/b; cp raw out/c; echo >> ran, deps: [raw], outs: [out]}\n")
    run("repro", cwd=project)
    kept = (project / "out/a").stat()
    (project / "out/b").unlink()
    (project / "out/c").unlink()
    assert run("repro", "--dry-run", cwd=project).out == "restore a\n  2 files missing from output out: b, c\n"
    assert run("repro", cwd=project).err == "a: restored\n"
    assert sorted(one.name for one in (project / "out").iterdir()) == ["a", "b", "c"]
    assert (project / "out/c").read_text() == "raw\n"
    now = (project / "out/a").stat()
    assert (now.st_ino, now.st_ctime_ns) == (kept.st_ino, kept.st_ctime_ns)
    assert (project / "ran").read_text() == "\n"
    assert is_up_to_date(run, project)
    # Where the stage has to run, what is left of it is not moved aside: all of it is in the store.
    (project / "out/b").unlink()
    (project / "raw").write_text("other\n")
    assert "moved" not in run("repro", cwd=project).err


def test_the_end_names_outputs_that_a_commit_would_leave_out(run: Run, project: Path) -> None:
    outs = "[{m.json: {cache: false}}, {n.json: {cache: false}}, {o.json: {cache: false}}]"
    write(project, f"  a: {{cmd: 'cat raw | tee m.json n.json o.json', deps: [raw], metrics: {outs}}}\n")
    (project / ".git/info/exclude").write_text("o.json\n")
    git("add", "dver.yaml", cwd=project)
    assert "not in Git: m.json, n.json; `git add m.json n.json` adds the files" in run("repro", cwd=project).err
    git("add", "m.json", "n.json", cwd=project)  # as it says
    (project / "raw").write_text("new\n")
    assert "not in Git" not in run("repro", cwd=project).err


def test_the_end_says_what_was_done_and_what_comes_next(run: Run, project: Path, tmp_path: Path) -> None:
    write(project, "  a: {cmd: cp raw a, deps: [raw], outs: [a]}\n  b: {cmd: 'false', deps: [a], outs: [b]}\n")
    failed = run("repro", cwd=project, rc=10)
    assert re.match(r"1 stage run, 1 failed, in [\d.]+ s\n  a +[\d.]+ s\n  b +[\d.]+ s  failed\n$", failed.out)
    assert failed.err.splitlines()[-3] == "error: stage 'b' failed"
    write(project, "  a: {cmd: cp raw a, deps: [raw], outs: [a]}\n")
    (project / "raw").write_text("new\n")
    assert run("repro", cwd=project).err.endswith("staged dver.lock: `git commit` records it\n")
    run("remote", "add", "origin", tmp_path / "remote", cwd=project)
    (project / "raw").write_text("newer\n")
    told = run("repro", cwd=project).err
    assert told.endswith("staged dver.lock: `git commit` records it, `dver push` uploads the outputs\n")
    git("commit", "-qm", "Run", cwd=project)  # as it says: the lock is staged already
    assert "dver.lock" in git("show", "--name-only", cwd=project)
    run("push", cwd=project)
    (project / "raw").write_text("newest\n")
    assert run("-q", "repro", cwd=project).out == ""

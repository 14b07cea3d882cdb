"""Watching stages run, and reading what they wrote."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support import Run


@pytest.fixture
def project(run: Run, git_repo: Path) -> Path:
    run("init", cwd=git_repo)
    return git_repo


def write(project: Path, text: str) -> None:
    (project / "dver.yaml").write_text(f"stages:\n{text}")


def on_a_terminal(project: Path, *args: str, typed: bytes = b"", env: dict[str, str] | None = None) -> tuple[int, str]:
    """Run `dver ARGS` on a terminal; its exit code, and all that was shown."""
    main, side = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "dver", *args],
        cwd=project,
        stdin=side,
        stdout=side,
        stderr=side,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100", **(env or {})},
    )
    os.close(side)
    os.write(main, typed)
    shown = b""
    while True:
        try:
            piece = os.read(main, 65536)
        except OSError:  # how a terminal ends on Linux
            break
        if not piece:
            break
        shown += piece
    os.close(main)
    return process.wait(timeout=60), shown.decode()


def test_the_logs_of_the_last_ten_runs_are_kept(run: Run, project: Path) -> None:
    write(project, "  a: {cmd: 'echo $NUMBER; echo more >&2', env: [NUMBER]}\n")
    assert "it never ran in this worktree" in run("logs", "a", cwd=project, rc=2).err
    for number in range(12):
        run("repro", cwd=project, env={"NUMBER": str(number)})
    assert run("logs", "a", cwd=project).out == "11\nmore\n"
    assert run("logs", "--run", "10", "a", cwd=project).out == "2\nmore\n"
    assert "last 10 runs" in run("logs", "--run", "11", "a", cwd=project, rc=2).err


def test_all_attempts_are_in_one_log_and_failures_are_kept(run: Run, project: Path) -> None:
    write(project, "  a: {cmd: 'echo try; false', retry: 2}\n")
    assert "dver logs a" in run("repro", cwd=project, rc=10).err
    assert run("logs", "a", cwd=project).out == "try\n" * 3


def test_a_log_names_one_stage(run: Run, project: Path) -> None:
    write(project, "  a:\n    foreach: [x, y]\n    do: {cmd: 'echo ${item}'}\n")
    run("repro", cwd=project)
    assert "names 2 stages" in run("logs", "a", cwd=project, rc=2).err
    assert run("logs", "a@y", cwd=project).out == "y\n"


def test_a_log_is_followed_while_another_process_runs_the_stage(run: Run, project: Path) -> None:
    os.mkfifo(project / "gate")
    write(project, "  a: {cmd: 'echo begun; cat gate; echo ended'}\n")
    repro = subprocess.Popen([sys.executable, "-m", "dver", "-q", "repro"], cwd=project)
    command = [sys.executable, "-m", "dver", "logs", "-f", "a"]
    while not list((project / ".git/dver").rglob("*.log")):
        time.sleep(0.05)
    follower = subprocess.Popen(command, cwd=project, stdout=subprocess.PIPE)
    assert follower.stdout is not None
    assert follower.stdout.readline() == b"begun\n"
    assert run("logs", "a", cwd=project).out == "begun\n"
    (project / "gate").write_text("through\n")
    assert follower.stdout.read() == b"through\nended\n"
    assert (follower.wait(), repro.wait()) == (0, 0)


def test_without_a_terminal_each_line_says_of_which_stage_it_is(run: Run, project: Path) -> None:
    write(project, "  a: {cmd: 'printf \"one\\ntwo\"'}\n  b: {cmd: 'echo \"\\e[1mbold\"; exit 3'}\n")
    err = run("repro", "-k", "-j", "2", cwd=project, rc=10).err
    assert {"a: running", "a | one", "a | two", "b: running", "b: failed"} <= set(err.splitlines())
    assert "\x1b" not in err
    assert run("repro", "-q", "-f", "a", cwd=project).err == ""


def test_on_a_terminal_one_stage_writes_as_it_likes(project: Path) -> None:
    write(project, "  a: {cmd: 'printf \"10%%\\r20%%\"'}\n")
    rc, shown = on_a_terminal(project, "repro")
    assert rc == 0
    assert "10%\r20%\r\n" in shown


def test_on_a_terminal_several_stages_are_a_table(project: Path) -> None:
    write(project, "  a: {cmd: 'echo from a; sleep 1'}\n  b: {cmd: 'echo from b; sleep 1'}\n")
    rc, shown = on_a_terminal(project, "repro", "-j", "2")
    assert rc == 0
    assert "from a" in shown
    assert re.search(r"\x1b\[Jb: .*done.* in \d\.\d s", shown)


ASKED = "  a: {cmd: touch a, outs: [a]}\n  b: {cmd: touch b, deps: [a], outs: [b]}\n  c: {cmd: touch c, outs: [c]}\n"


@pytest.mark.parametrize(
    ("answers", "made"),
    [(b"y\nn\ny\n", "ab"), (b"no\nyes\n", "c"), (b"all\n", "abc"), (b"q\n", ""), (b"y\nwhat\nq\n", "a")],
)
def test_before_each_stage_it_is_asked(project: Path, answers: bytes, made: str) -> None:
    write(project, ASKED)
    rc, shown = on_a_terminal(project, "repro", "--interactive", "-j", "3", typed=answers)
    assert rc == 0, shown
    assert {name for name in "abc" if (project / name).exists()} == set(made)
    assert ("not run" in shown) == (made != "abc")


def test_whoever_gives_no_answer_stops_the_run(project: Path) -> None:
    write(project, ASKED)
    rc, shown = on_a_terminal(project, "repro", "--interactive", typed=b"y\n\x04")
    assert rc == 130
    assert "Traceback" not in shown
    assert (project / "dver.lock").exists()


def test_nobody_is_asked_without_a_terminal(run: Run, project: Path) -> None:
    write(project, ASKED)
    assert "not a terminal" in run("repro", "--interactive", cwd=project, rc=2).err

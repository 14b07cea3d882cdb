"""Errors: what, why and fix on stderr, and an exit code that is documented."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support import Result, Run

from dver.cli import errors as cli_errors
from dver.core.errors import DverError

ROOT = Path(__file__).parents[2]


def family(root: type[DverError]) -> list[type[DverError]]:
    return [root, *(member for child in root.__subclasses__() for member in family(child))]


def test_an_error_says_what_why_and_fix(stand_in: Callable[..., Result]) -> None:
    result = stand_in('raise RemoteError("no answer", why="the network is down", fix="plug it in")')
    assert (result.rc, result.out) == (7, "")
    assert result.err == "error: no answer\nwhy: the network is down\nfix: plug it in\n"


def test_an_error_without_a_why_has_no_empty_line(stand_in: Callable[..., Result]) -> None:
    assert stand_in('raise ConflictError("unsaved")').err == "error: unsaved\n"


def test_errors_are_text_on_stderr_and_json_on_stdout_with_json(stand_in: Callable[..., Result]) -> None:
    result = stand_in('raise CorruptError("bad pack")', "status", "--json")
    assert (result.rc, result.err) == (6, "error: bad pack\n")
    assert result.json == {"error": {"what": "bad pack", "why": None, "fix": None, "exit_code": 6}}


def test_what_was_printed_before_an_error_is_not_lost(stand_in: Callable[..., Result]) -> None:
    result = stand_in('ctx.say("half"); raise CorruptError("bad pack")')
    assert (result.rc, result.out) == (6, "half\n")


def test_control_characters_in_an_error_never_reach_the_terminal(stand_in: Callable[..., Result]) -> None:
    result = stand_in(r'raise UsageError("no file a\nb\x1b[2J\udcff")')
    assert result.err == "error: no file a b\\x1b[2J\\udcff\n"


def test_an_operating_system_error_is_explained(stand_in: Callable[..., Result]) -> None:
    result = stand_in('import errno; raise OSError(errno.ENOSPC, "No space left on device", "/data/x")')
    assert result.rc == 8
    assert result.err.startswith("error: cannot write to '/data/x'\nwhy: the disk is full\nfix: ")


def test_a_bug_is_one_line_and_how_to_learn_more(stand_in: Callable[..., Result]) -> None:
    result = stand_in("return {}['key']")
    assert result.rc == 70
    assert result.err.startswith("error: internal error: KeyError: 'key'\n")
    assert "DVER_DEBUG=1" in result.err
    assert "Traceback" not in result.err


@pytest.mark.parametrize("body", ["return {}['key']", 'raise RemoteError("no answer")'])
def test_tracebacks_are_shown_when_asked_for(stand_in: Callable[..., Result], body: str) -> None:
    assert "Traceback" in stand_in(body, DVER_DEBUG="1").err
    assert "Traceback" not in stand_in(body, DVER_DEBUG="0").err


def test_every_exit_code_is_documented() -> None:
    page = (ROOT / "docs" / "exit-codes.md").read_text()
    rows = re.findall(r"^\| (\d+) \|.*\| (?:`(\w+)`)? ?\|$", page, re.MULTILINE)
    documented = {name: int(code) for code, name in rows if name}
    # The others keep the code of the error that they are a kind of.
    with_codes = [error for error in family(DverError) if "exit_code" in vars(error)]
    assert documented == {error.__name__: error.exit_code for error in with_codes}
    own = {value for name, value in vars(cli_errors).items() if name.startswith("EXIT_")}
    assert own <= {int(code) for code, _ in rows}


def test_an_interrupted_transfer_leaves_no_bar_behind(start_stand_in: Callable[..., subprocess.Popen[bytes]]) -> None:
    process = start_stand_in("""
        with ctx.progress.task("upload", total=10):
            raise KeyboardInterrupt
    """)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, b"interrupted\n")


@pytest.mark.parametrize("verb", ["add", "checkout"])
def test_a_write_that_fails_is_told_with_its_place(run: Run, git_repo: Path, verb: str) -> None:
    run("init", cwd=git_repo)
    (git_repo / "big").write_bytes(os.urandom(3 << 20))
    if verb == "checkout":
        run("add", "big", cwd=git_repo)
        (git_repo / "big").unlink()
    script = 'ulimit -f 1000; exec "$0" -m dver "$1" big'
    process = subprocess.run(["sh", "-c", script, sys.executable, verb], cwd=git_repo, capture_output=True, text=True)
    place = git_repo if verb == "checkout" else git_repo / ".git/dver/store"
    assert process.returncode == 8
    assert process.stderr.startswith(f"error: cannot write to '{place}'\nwhy: no file may be that large there\nfix: ")

"""The entry point: verbs, options of every command, exit codes, start-up."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from docpages.commands import parse
from support import Result, Run

from dver.cli.dvc_hints import OPTIONS, VERBS
from dver.cli.main import cli
from dver.cli.verbs import SUMMARIES
from dver.core.version import __version__

SLOW = ["fsspec", "s3fs", "botocore", "urllib3", "git", "tqdm", "ruamel", "tomlkit"]
SLOW += ["asyncio", "concurrent.futures", "logging"]


def test_version_prints_the_version(run: Run) -> None:
    assert run("version").out == f"dver {__version__}\n"
    assert run("--version").out == f"dver {__version__}\n"
    assert run("version", "--json").json["dver"] == __version__


def test_help_lists_every_verb_with_its_summary(run: Run) -> None:
    for result in (run(), run("--help"), run("-h")):
        for verb, summary in SUMMARIES.items():
            assert any(line.split() == [verb, *summary.split()] for line in result.out.splitlines())


def test_summaries_fit_on_one_line_of_a_narrow_terminal() -> None:
    assert max(len(summary) for summary in SUMMARIES.values()) <= 80 - 14


@pytest.mark.parametrize("args", [["--help"], ["version"]])
def test_starting_up_imports_no_other_verb_and_no_slow_library(args: list[str]) -> None:
    program = "import sys; from dver.cli.main import main; main(sys.argv[1:]); print(*sys.modules)"
    out = subprocess.run([sys.executable, "-c", program, *args], capture_output=True, text=True, check=True).stdout
    modules = set(out.splitlines()[-1].split())
    assert not modules & set(SLOW)
    verbs = {
        name.rpartition(".")[2] for name in modules if name.count(".") == 4 and name.startswith("dver.cli.commands.")
    }
    assert verbs <= {"version"}


def test_an_unknown_verb_suggests_the_nearest(run: Run) -> None:
    result = run("stauts", rc=2)
    assert result.err == "error: no such command: 'stauts'; did you mean 'status'?\nfix: see `dver --help`\n"


def test_an_unknown_option_is_a_usage_error(run: Run) -> None:
    result = run("version", "--colour", rc=2)
    assert result.err.startswith("error: no such option")
    assert result.err.endswith("fix: see `dver version --help`\n")


def test_an_option_that_users_of_dvc_know_is_answered_with_what_to_type(run: Run) -> None:
    for option in ("-p", "--pipeline", "-P", "--all-pipelines", "-R", "--recursive", "--dry", "--no-commit"):
        result = run("repro", option, rc=2)
        assert result.err.startswith("error: no such option")
        assert "see `" not in result.err
    assert run("dag", "--md", rc=2).err.splitlines()[-1].startswith("fix: use --mermaid")


def test_advice_is_given_only_for_options_and_verbs_as_they_are() -> None:
    for verb, options in OPTIONS.items():
        command: click.Command = cli
        for name in verb.split()[1:]:
            assert isinstance(command, click.Group)
            found = command.get_command(click.Context(command), name)
            assert found is not None
            command = found
        known = {name for one in command.params for name in one.opts}
        assert not known & set(options)


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_a_verb_of_dvc_or_git_lfs_is_answered_with_what_to_type(run: Run, verb: str) -> None:
    what, fix = run(*verb.split()[1:], "x", rc=2).err.splitlines()
    assert what == f"error: no such command: {verb.split()[-1]!r}"
    assert fix == f"fix: {VERBS[verb]}"


def test_hints_name_commands_that_exist() -> None:
    texts = [*VERBS.values(), *(hint for hints in OPTIONS.values() for hint in hints.values())]
    lines = {line for text in texts for line in re.findall(r"`(dver [^`]+)`", text)}
    assert len(lines) > 20
    for line in lines:
        parse(line, complete=False)


@pytest.mark.parametrize("verb", ["stage", "plots", "metrics", "params", "remote", "hook"])
def test_a_verb_that_needs_another_word_says_which_there_are(run: Run, verb: str) -> None:
    what, fix = run(verb, rc=2).err.splitlines()
    assert what.startswith("error: missing command: one of ")
    assert fix == f"fix: see `dver {verb} --help`"


def test_a_superfluous_argument_is_a_usage_error(run: Run) -> None:
    assert "unexpected extra argument" in run("version", "now", rc=2).err


@pytest.mark.parametrize("args", [["-v", "version"], ["version", "-v"], ["--verbose", "version", "--verbose"]])
def test_global_options_are_accepted_before_and_after_the_verb(run: Run, args: list[str]) -> None:
    assert "python" in run(*args).out


def test_verbosity_before_and_after_the_verb_adds_up(stand_in: Callable[..., Result]) -> None:
    assert stand_in("ctx.say(str(ctx.verbose))", "-v", "status", "-vv").out == "3\n"


def test_cd_changes_the_directory_and_relative_ones_add_up(stand_in: Callable[..., Result], tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    result = stand_in("ctx.say(str(ctx.cwd))", "--cd", str(tmp_path / "a"), "status", "--cd", "b")
    assert result.out == f"{tmp_path}/a/b\n"


def test_cd_to_nowhere_is_a_usage_error(run: Run) -> None:
    result = run("--cd", "nowhere", "version", rc=2)
    assert "error: cannot change to directory 'nowhere'" in result.err
    assert "why: No such file or directory" in result.err


def test_quiet_silences_notes_but_neither_results_nor_warnings(stand_in: Callable[..., Result]) -> None:
    body = 'ctx.say("result"); ctx.note("remark"); ctx.warn("beware")'
    loud, quiet = stand_in(body), stand_in(body, "status", "-q")
    assert (loud.out, loud.err) == ("result\n", "remark\nwarning: beware\n")
    assert (quiet.out, quiet.err) == ("result\n", "warning: beware\n")


def test_a_command_returns_its_exit_code(stand_in: Callable[..., Result]) -> None:
    assert stand_in("return 1").rc == 1
    assert stand_in("return None").rc == 0


def test_a_reader_that_stops_reading_is_no_error(start_stand_in: Callable[..., subprocess.Popen[bytes]]) -> None:
    process = start_stand_in("for i in range(200_000): ctx.say(str(i))")
    assert process.stdout is not None
    assert process.stdout.readline() == b"0\n"
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == b""
    assert process.wait(60) == 141


def test_a_reader_that_never_read_is_no_error() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    process = subprocess.run([sys.executable, "-m", "dver", "version"], stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    assert (process.returncode, process.stderr) == (141, b"")


def test_an_error_that_nobody_reads_keeps_its_exit_code() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    process = subprocess.run([sys.executable, "-m", "dver", "stauts"], stderr=writer)
    os.close(writer)
    assert process.returncode == 2


def test_closed_standard_streams_are_no_error() -> None:
    process = subprocess.run(["sh", "-c", '"$0" -m dver version >&- 2>&-', sys.executable])
    assert process.returncode == 0


def test_output_to_a_full_disk_is_reported() -> None:
    with open("/dev/full", "wb") as full:
        process = subprocess.run([sys.executable, "-m", "dver", "version"], stdout=full, stderr=subprocess.PIPE)
    assert process.returncode == 8
    assert b"error: cannot write to 'standard output'\nwhy: the disk is full\n" in process.stderr
    assert b"Exception ignored" not in process.stderr


def test_ctrl_c_prints_one_line(start_stand_in: Callable[..., subprocess.Popen[bytes]]) -> None:
    process = start_stand_in('ctx.say("ready"); sys.stdout.flush(); time.sleep(60)')
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, b"interrupted\n")


def test_ctrl_c_does_not_wait_for_a_stuck_thread(start_stand_in: Callable[..., subprocess.Popen[bytes]]) -> None:
    stuck = "import threading; threading.Thread(target=time.sleep, args=[600]).start()"
    process = start_stand_in(f'{stuck}; ctx.say("ready"); sys.stdout.flush(); time.sleep(600)')
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, b"interrupted\n")


def test_names_that_the_terminal_cannot_encode_are_escaped(stand_in: Callable[..., Result]) -> None:
    assert stand_in(r'ctx.say("caf\xe9 \udcff")', PYTHONIOENCODING="ascii").out == "caf\\xe9 \\udcff\n"


def test_bytes_and_text_keep_their_order(stand_in: Callable[..., Result]) -> None:
    assert stand_in(r'ctx.say("a"); ctx.write_bytes(b"\xff\n"); ctx.say("b")').out == "a\n\udcff\nb\n"


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_completion_prints_a_script(run: Run, shell: str) -> None:
    assert "_DVER_COMPLETE" in run("completion", shell).out


def test_the_completion_of_bash_is_a_script_that_bash_accepts(run: Run) -> None:
    script = run("completion", "bash").out
    subprocess.run(["bash", "-n"], input=script, text=True, check=True)
    assert "_DVER_COMPLETE=bash_complete" in script


def test_a_shell_is_offered_verbs_and_options(run: Run) -> None:
    asked = {"_DVER_COMPLETE": "bash_complete", "COMP_CWORD": "1"}
    assert run(env={**asked, "COMP_WORDS": "dver vers"}).out == "plain,version\n"
    assert run(env={**asked, "COMP_WORDS": "dver version --j", "COMP_CWORD": "2"}).out == "plain,--json\n"
    assert "plain,--version" in run(env={**asked, "COMP_WORDS": "dver --v"}).out


def test_help_of_a_verb_is_that_of_its_option(run: Run) -> None:
    for verb in (["add"], ["remote", "add"], ["config"], []):
        assert run("help", *verb).out == run(*verb, "--help").out
    assert "did you mean 'status'?" in run("help", "statu", rc=2).err
    assert run("help", "add", "more", rc=2).err


@pytest.mark.parametrize("line", ["repro -j", "exp show --sort", "--cd"])
def test_an_option_without_its_value_is_referred_to_the_help(run: Run, line: str) -> None:
    command = " ".join(["dver", *(word for word in line.split() if not word.startswith("-"))])
    assert run(*line.split(), rc=2).err.endswith(f" requires an argument\nfix: see `{command} --help`\n")

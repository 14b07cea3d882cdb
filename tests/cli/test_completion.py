"""Completion, in real shells: a line and the Tab key go in, and the words that the shell makes of it come out."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import subprocess
import time
from contextlib import closing
from pathlib import Path

import pytest
from githooks import put_dver_on_path
from support import Run, git, run_dver

_PATIENCE = 60.0
_PROMPT = "ready> "
_SHOW = "\x01printf '<%s>' \r"
"""To the beginning of the line, a command before it, and Enter: the words of the line are printed."""

_STARTS = {
    "bash": (["--noprofile", "--norc", "-i"], f"PS1='{_PROMPT}'; bind 'set enable-bracketed-paste off'"),
    "zsh": (
        ["-f", "-i"],
        f"PS1='{_PROMPT}'; bindkey -e; unsetopt zle_bracketed_paste; autoload -Uz compinit; compinit -u",
    ),
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with one remote, one stage, and a tracked directory of which a part is not in the workspace."""
    path = tmp_path_factory.mktemp("completion") / "project"
    (path / "data/images").mkdir(parents=True)
    for name in ("data/images/one.png", "data/labels.csv", "notes.txt"):
        (path / name).write_text(name)
    git("init", "--quiet", cwd=path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DVER_HOOKS_INSTALL", "false")
        run_dver("init", cwd=path)
        run_dver("add", "data", cwd=path)
        run_dver("remote", "add", "storage", "../bucket", cwd=path)
    (path / "dver.yaml").write_text("stages:\n  prepare: {cmd: 'true', outs: [out]}\n")
    git("-c", "user.name=T", "-c", "user.email=t@example.org", "commit", "--quiet", "-am", "Begin", cwd=path)
    git("tag", "season-1", cwd=path)
    shutil.rmtree(path / "data/images")
    return path


@pytest.fixture(scope="module")
def experiments(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone of the project with two parameters and two experiments, of which the later one is `brave`."""
    path = tmp_path_factory.mktemp("experiments") / "clone"
    git("clone", "--quiet", project, path, cwd=project)
    (path / "params.yaml").write_text("learning: {rate: 0.1}\n")
    (path / "other.yaml").write_text("depth: 3\n")
    sweeps = "sweeps: {rate: {params: {learning.rate: [1, 2]}}}\n"
    (path / "dver.yaml").write_text(f"{sweeps}params: [other.yaml]\nstages:\n  prepare: {{cmd: 'true'}}\n")
    run_dver("exp", "save", "-n", "bright", cwd=path)
    run_dver("exp", "save", "-n", "brave", cwd=path)
    return path


@pytest.fixture
def dver_on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_dver_on_path(tmp_path / "bin", monkeypatch)


class _Terminal:
    """A shell on a terminal of its own."""

    def __init__(self, command: list[str], cwd: Path) -> None:
        self._process, self._end = pty.fork()
        if self._process == 0:
            os.chdir(cwd)
            os.execvp(command[0], command)
        self._unread = ""

    def type(self, text: str) -> None:
        os.write(self._end, text.encode())

    def read_until(self, wanted: str) -> str:
        """All that comes up to `wanted`."""
        until = time.monotonic() + _PATIENCE
        while wanted not in self._unread:
            assert time.monotonic() < until, self._unread
            if select.select([self._end], [], [], 1)[0]:
                self._unread += os.read(self._end, 4096).decode(errors="replace")
        seen, _, self._unread = self._unread.partition(wanted)
        return seen

    def close(self) -> None:
        os.close(self._end)  # the shell gets a hang-up
        os.waitpid(self._process, 0)


def _typed(shell: str, line: str, cwd: Path) -> list[str]:
    """The words that `line` has after the Tab key, in bash or zsh."""
    options, start = _STARTS[shell]
    with closing(_Terminal([shell, *options], cwd)) as terminal:
        terminal.type(f'{start}; eval "$(dver completion {shell})"; echo set"-up"\r')
        terminal.read_until("set-up")
        terminal.read_until(_PROMPT)
        terminal.type(f"{line}\t{_SHOW}")
        terminal.read_until("<dver>")
        return re.findall(r"<([^<>\r\n]*)>", terminal.read_until(_PROMPT))


def _in_fish(line: str, cwd: Path) -> list[str]:
    """What fish offers for the last word of `line`."""
    done = subprocess.run(
        ["fish", "--no-config", "-c", 'dver completion fish | source; complete -C "$argv"', line],
        cwd=cwd, capture_output=True, text=True, timeout=_PATIENCE, check=True,
    )  # fmt: skip
    return [text.split("\t")[0] for text in done.stdout.splitlines()]


_CASES = [
    ("dver add not", "notes.txt"),
    ("dver checkout season", "season-1"),
    ("dver pull data/im", "data/images/"),
    ("dver pull data/images/o", "data/images/one.png"),
    ("dver push --remote st", "storage"),
    ("dver remote check st", "storage"),
    ("dver repro pre", "prepare"),
    ("dver config get cache.l", "cache.link"),
    ("dver remote set storage end", "endpoint_url"),
    ("dver ls --rev season", "season-1"),
]


@pytest.mark.usefixtures("dver_on_path")
@pytest.mark.parametrize(("line", "last"), _CASES)
@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_the_last_word_is_completed(shell: str, line: str, last: str, project: Path) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    assert _typed(shell, line, project)[-1] == last


@pytest.mark.usefixtures("dver_on_path")
@pytest.mark.parametrize(("line", "last"), _CASES)
def test_fish_completes_the_last_word(line: str, last: str, project: Path) -> None:
    if shutil.which("fish") is None:
        pytest.skip("fish is not installed")
    assert _in_fish(line, project) == [last]


def test_nothing_is_completed_where_there_is_no_project(run: Run, tmp_path: Path) -> None:
    asked = {"_DVER_COMPLETE": "bash_complete", "COMP_CWORD": "2", "COMP_WORDS": "dver checkout v"}
    assert run(env=asked, cwd=tmp_path).out == "file,v\n"


def test_a_broken_pipeline_breaks_no_command_line(run: Run, project: Path, tmp_path: Path) -> None:
    git("clone", "--quiet", project, tmp_path / "clone", cwd=tmp_path)
    (tmp_path / "clone/dver.yaml").write_text("stages: [\n")
    asked = {"_DVER_COMPLETE": "bash_complete", "COMP_CWORD": "2", "COMP_WORDS": "dver repro pre"}
    result = run(env=asked, cwd=tmp_path / "clone")
    assert (result.out, result.err) == ("file,pre\n", "")


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("dver exp list br", []),
        ("dver exp apply br", ["plain,brave", "plain,bright"]),
        ("dver exp rename br", ["plain,brave", "plain,bright"]),
        ("dver exp diff brave bri", ["plain,bright"]),
        ("dver exp push or", ["plain,origin"]),
        ("dver queue logs bra", ["plain,brave"]),
        ("dver exp run -S le", ["plain,learning.rate="]),
        ("dver exp run -S other.yaml:", ["plain,other.yaml:depth="]),
        ("dver exp run -n ", []),
        ("dver exp run --sweep r", ["plain,rate"]),
        ("dver exp show --sort le", ["plain,learning.rate"]),
        ("dver exp show --baseline season", ["plain,season-1"]),
    ],
)
def test_words_of_experiments_are_completed(line: str, found: list[str], run: Run, experiments: Path) -> None:
    words = line.split(" ")
    asked = {"_DVER_COMPLETE": "bash_complete", "COMP_CWORD": str(len(words) - 1), "COMP_WORDS": line}
    printed = run(env=asked, cwd=experiments).out.splitlines()
    assert [one for one in printed if one and not one.startswith("file,")] == found


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("dver model show ch", ["plain,churn"]),
        ("dver model show churn@", ["plain,churn@v1.0.0"]),
        ("dver model show churn#", ["plain,churn#prod"]),
        ("dver model show pre", []),
        ("dver model history te", ["plain,team:churn"]),
        ("dver model assign churn p", ["plain,prod"]),
        ("dver model register churn --exp bra", ["plain,brave"]),
        ("dver model register churn --rev season", ["plain,season-1"]),
    ],
)
def test_words_of_models_are_completed(line: str, found: list[str], run: Run, experiments: Path) -> None:
    if "churn@v1.0.0" not in git("tag", cwd=experiments):
        for name in ("churn@v1.0.0", "churn#prod#1", "team=churn@v1.0.0"):
            git("tag", "-a", "-m", "text", name, cwd=experiments)
    words = line.split(" ")
    asked = {"_DVER_COMPLETE": "bash_complete", "COMP_CWORD": str(len(words) - 1), "COMP_WORDS": line}
    printed = run(env=asked, cwd=experiments).out.splitlines()
    assert [one for one in printed if one and not one.startswith("file,")] == found


def test_completing_goes_nowhere(run: Run, project: Path) -> None:
    asked = {"_DVER_COMPLETE": "bash_complete", "COMP_CWORD": "3", "COMP_WORDS": "dver --cd /nowhere st"}
    assert "plain,status" in run(env=asked, cwd=project).out

"""Errors and `--json`: whatever fails, in whichever verb, stdout holds one JSON document."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import pytest
from support import Run, git, make_git_repo

from dver.cli.commands.release.model import history, list_models
from dver.cli.main import cli, main
from dver.cli.verbs import SUMMARIES, module_of
from dver.core import errors
from dver.repo import Repository

ARGUMENTS = {
    "add": ["data"],
    "checkout": ["data"],
    "checks init": ["data"],
    "ci init": ["github"],
    "commit": ["train"],
    "config get": ["core.jobs"],
    "diff": [],
    "gc": ["--dry-run"],
    "get": ["."],
    "list": ["."],
    "lineage": ["out.txt"],
    "ls": ["data"],
    "model export": ["churn#prod", "-o", "churn"],
    "model get": ["churn#prod"],
    "import": ["https://example.org/data.git", "data"],
    "import-url": ["https://example.org/a"],
    "model history": ["churn"],
    "model show": ["churn"],
    "model assign": ["churn", "prod"],
    "model deprecate": ["churn"],
    "model deregister": ["churn", "v1.0.0"],
    "model register": ["churn"],
    "model rollback": ["churn", "prod"],
    "model unassign": ["churn", "prod"],
    "model card": ["churn"],
    "monitor compare": ["live.csv", "--reference", "data"],
    "monitor history": ["churn"],
    "move": ["data", "moved"],
    "params diff": [],
    "remote remove": ["origin"],
    "remote rename": ["origin", "other"],
    "remove": ["data"],
    "repro": ["--dry-run"],
    "exp apply": ["calm-fox"],
    "exp branch": ["calm-fox"],
    "exp import-mlflow": ["mlruns"],
    "exp rename": ["calm-fox", "brave-otter"],
    "profile": ["data"],
    "resolve": ["data", "--theirs"],
    "unlock": ["data"],
    "retrain": ["churn"],
    "verify": ["train"],
}
"""What a verb is given where the project has the directory `data`, the stage `train`, and the remote `origin`."""

FAILURES: list[BaseException] = [
    *(
        error("no answer", why="a cable is cut", fix="dver doctor")
        for error in vars(errors).values()
        if isinstance(error, type) and issubclass(error, errors.DverError)
    ),
    FileNotFoundError(2, "No such file or directory", "data"),
    KeyError("a bug"),
    MemoryError(),
    RecursionError(),
    KeyboardInterrupt(),
]


def with_json(group: click.Group, prefix: str = "") -> Iterator[str]:
    """The verbs that know `--json`."""
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from with_json(command, f"{prefix}{name} ")
        elif any("--json" in one.opts for one in command.params):
            yield f"{prefix}{name}"


VERBS = list(with_json(cli))


def command_line(verb: str) -> list[str]:
    return [*verb.split(), *ARGUMENTS.get(verb, []), "--json"]


def run_here(capsys: pytest.CaptureFixture[str], args: list[str]) -> tuple[int, Any, str]:
    code = main(args)
    out, err = capsys.readouterr()
    return code, json.loads(out), err


@pytest.mark.parametrize("verb", [one for one in VERBS if one != "version"])
def test_every_error_of_every_verb_is_json_on_stdout_and_text_on_stderr(
    verb: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], git_repo: Path
) -> None:
    monkeypatch.chdir(git_repo)
    for failure in FAILURES:

        def fail(*_args: object, _failure: BaseException = failure, **_named: object) -> None:
            raise _failure

        monkeypatch.setattr(Repository, "open", fail)
        for name in (
            "init",
            "install",
            "uninstall",
            "doctor",
            "get_setting",
            "list_settings",
            "list_cache",
            "get",
            "list_files",
            "clear_cache",
        ):
            module = import_module(module_of(verb.split()[0]))
            if hasattr(module, name):
                monkeypatch.setattr(module, name, fail)
        for module in (list_models, history):
            monkeypatch.setattr(module, "discover", fail)
        code, answer, err = run_here(capsys, command_line(verb))
        assert list(answer) == ["error"], verb
        assert list(answer["error"]) == ["what", "why", "fix", "exit_code"]
        assert answer["error"]["exit_code"] == code
        assert answer["error"]["what"] in err
        if isinstance(failure, errors.DverError):
            assert answer["error"] == {"what": "no answer", "why": "a cable is cut", "fix": "dver doctor"} | {
                "exit_code": failure.exit_code
            }


@pytest.mark.parametrize("verb", VERBS)
def test_a_mistake_in_the_arguments_is_json_as_well(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, answer, _ = run_here(capsys, [*command_line(verb), "--no-such-option"])
    assert (code, answer["error"]["exit_code"]) == (2, 2)


def test_the_walk_knows_every_verb() -> None:
    assert {one.split()[0] for one in VERBS} <= set(SUMMARIES)
    assert set(ARGUMENTS) <= set(VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_a_store_without_objects_gets_json_from_every_verb(verb: str, run: Run, tmp_path: Path) -> None:
    repo = make_git_repo(tmp_path / "repo")
    run("init", cwd=repo)
    run("remote", "add", "-d", "origin", str(tmp_path / "remote"), cwd=repo)
    (repo / "data").mkdir()
    (repo / "data" / "a").write_text("a")
    (repo / "dver.yaml").write_text("stages: {train: {cmd: cp data/a out.txt, deps: [data], outs: [out.txt]}}")
    run("add", "data", cwd=repo)
    run("repro", cwd=repo)
    git("add", ".", cwd=repo)
    git("commit", "--quiet", "-m", "Train", cwd=repo)
    shutil.rmtree(repo / ".git/dver/store")
    shutil.rmtree(repo / "data")
    (repo / "out.txt").unlink()
    result = run(*command_line(verb), cwd=repo, rc=None)
    assert result.rc != 70, result.err
    assert isinstance(result.json, (dict, list))


def test_what_could_not_be_checked_out_is_in_the_result(run: Run, git_repo: Path) -> None:
    run("init", cwd=git_repo)
    (git_repo / "m.bin").write_text("model")
    run("add", "m.bin", cwd=git_repo)
    shutil.rmtree(git_repo / ".git/dver/store")
    (git_repo / "m.bin").unlink()
    lost = run("checkout", "--json", cwd=git_repo, rc=5).json["restored"]["lost"]
    assert [one["path"] for one in lost] == ["m.bin"]
    assert lost[0]["error"]["exit_code"] == 5

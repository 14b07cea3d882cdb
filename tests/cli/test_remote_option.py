"""`-r/--remote` means the same for every verb, and a question about a remote is never answered from the store."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from support import Run, git

from dver.cli.main import cli

ASKING = {"check available", "fsck", "gc", "status"}
"""Verbs that answer from the store, unless the option turns the question to a remote."""


def with_remote(group: click.Group, prefix: str = "") -> Iterator[tuple[str, click.Option]]:
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from with_remote(command, f"{prefix}{name} ")
        for one in command.params:
            if isinstance(one, click.Option) and any(opt in ("-r", "--remote") for opt in one.opts):
                yield prefix + name, one


def test_the_option_names_a_remote_wherever_there_is_one() -> None:
    found = dict(with_remote(cli))
    assert {"add", "push", "pull", "fetch"} | ASKING <= set(found)
    for verb, option in found.items():
        assert (option.opts, option.is_flag, option.name) == (["-r", "--remote"], False, "remote"), verb
        assert option.metavar == ("[NAME]" if verb in ASKING else "NAME"), verb


@pytest.fixture
def project(run: Run, git_repo: Path) -> Path:
    """Data that is in the store, and on neither of two remotes."""
    run("init", cwd=git_repo)
    run("remote", "add", "-d", "origin", "../origin", cwd=git_repo)
    run("remote", "add", "backup", "../backup", cwd=git_repo)
    (git_repo / "data").mkdir()
    (git_repo / "data" / "a").write_text("a")
    run("add", "data", cwd=git_repo)
    git("add", ".", cwd=git_repo)
    git("commit", "--quiet", "-m", "Data", cwd=git_repo)
    return git_repo


@pytest.mark.parametrize("asked", [["-r", "origin"], ["--remote", "origin"], ["--remote=origin"], ["-r"], ["--remote"]])
def test_check_asks_the_remote_however_it_is_named(run: Run, project: Path, asked: list[str]) -> None:
    run("check", "available", cwd=project)
    assert "missing data/a  (not on origin)\n" in run("check", "available", *asked, cwd=project, rc=1).out
    run("push", cwd=project)
    assert run("check", "available", *asked, cwd=project).out == "complete on origin: 1 pointer\n"
    assert run("check", "available", "data", *asked, cwd=project).out == "complete on origin: 1 pointer\n"
    assert "missing data/a  (not on backup)\n" in run("check", "available", "-r", "backup", cwd=project, rc=1).out


def test_check_of_a_remote_that_is_gone_is_not_answered_from_what_is_known(run: Run, project: Path) -> None:
    run("push", cwd=project)
    (project.parent / "origin").rename(project.parent / "unplugged")
    (project.parent / "origin").write_text("no directory")
    run("check", "available", "-r", "origin", cwd=project, rc=7)
    run("fsck", "-r", "origin", cwd=project, rc=7)
    run("gc", "-r", "origin", "--offline", cwd=project, rc=7)


def test_fsck_and_gc_take_the_default_remote_where_no_name_is_given(run: Run, project: Path) -> None:
    run("push", cwd=project)
    assert " in origin: " in run("fsck", "--remote", cwd=project).out
    assert " in backup: " in run("fsck", "-r", "backup", cwd=project, rc=None).out
    assert " on origin (" in run("gc", "--offline", "--remote", cwd=project).out
    assert " on origin (" in run("gc", "-r", "--offline", "--dry-run", cwd=project).out


def test_a_path_after_the_option_is_not_taken_for_a_remote(run: Run, project: Path) -> None:
    run("push", cwd=project)
    err = run("check", "available", "--remote", "data/", cwd=project, rc=2).err
    fix = err.split("fix: ")[1].strip()
    assert fix == "dver check available --remote origin data/"
    run(*shlex.split(fix)[1:], cwd=project)
    run("check", "available", "--remote", "--", "data/", cwd=project)


@pytest.mark.parametrize(
    "given",
    [[], ["--remote"], ["-r", "origin", "data/"], ["data/"], ["-q", "--all-commits"], ["--json", "--rev", "a b"]],
)
def test_the_former_spelling_of_check_names_the_line_to_type(run: Run, project: Path, given: list[str]) -> None:
    run("push", cwd=project)
    ended = run("check", *given, cwd=project, rc=2)
    if "--json" in given:
        assert ended.json["error"]["fix"] == "dver check available --json --rev 'a b'"
        return
    fix = ended.err.split("fix: ")[1].strip()
    assert fix == shlex.join(["dver", "check", "available", *given])
    run(*shlex.split(fix)[1:], cwd=project)


@pytest.mark.parametrize("verb", sorted(ASKING))
def test_an_unknown_name_is_refused(run: Run, project: Path, verb: str) -> None:
    assert "no remote is called 'orign'" in run(*verb.split(), "-r", "orign", cwd=project, rc=2).err

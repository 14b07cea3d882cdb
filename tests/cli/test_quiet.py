"""`-q`: what was done is not said; questions are answered, and what went wrong is said."""

from __future__ import annotations

from pathlib import Path

from support import Run, git, make_git_repo


def test_commands_that_do_something_are_silent(run: Run, tmp_path: Path) -> None:
    repo = make_git_repo(tmp_path / "repo")
    (repo / "data").mkdir()
    (repo / "data" / "a").write_text("a")
    for command in (
        "init",
        "install",
        "remote add -d origin ../remote",
        "remote add other ../other",
        "remote rename other backup",
        "remote remove backup",
        "config set core.jobs 2",
        "add data",
        "push",
        "fetch",
        "pull",
        "checkout",
        "move data moved",
        "gc",
        "gc --remote origin --offline",
        "remove moved",
        "uninstall",
    ):
        result = run(*command.split(), "-q", cwd=repo)
        assert (result.out, result.err) == ("", ""), command


def test_what_is_brought_is_not_said_either(run: Run, tmp_path: Path) -> None:
    repo = make_git_repo(tmp_path / "repo")
    run("init", "-q", cwd=repo)
    (repo / "m.bin").write_text("model")
    run("add", "m.bin", cwd=repo)
    git("add", ".", cwd=repo)
    git("commit", "--quiet", "-m", "Model", cwd=repo)
    (repo / "m.bin").unlink()
    assert run("-q", "checkout", cwd=repo).out == ""
    assert (repo / "m.bin").read_text() == "model"
    (repo / "m.bin").unlink()
    assert "1 created" in run("checkout", cwd=repo).out


def test_questions_errors_and_previews_are_answered(run: Run, tmp_path: Path) -> None:
    repo = make_git_repo(tmp_path / "repo")
    run("init", "-q", cwd=repo)
    (repo / "m.bin").write_text("model")
    assert "would add m.bin" in run("add", "m.bin", "--dry-run", "-q", cwd=repo).out
    run("add", "m.bin", "-q", cwd=repo)
    assert "m.bin" in run("status", "-q", cwd=repo).out
    assert run("ls", "-q", cwd=repo).out == "m.bin\n"
    assert run("add", "m.bin", "--json", "-q", cwd=repo).json["added"]
    assert run("push", "-q", cwd=repo, rc=3).err.startswith("error: ")

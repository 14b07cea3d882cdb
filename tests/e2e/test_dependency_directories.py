"""Which files count in a directory that a stage depends on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support import Run, git

from dver.formats import lock

UP_TO_DATE = "everything is up to date\n"


@pytest.fixture
def project(run: Run, git_repo: Path) -> Path:
    run("init", cwd=git_repo)
    (git_repo / "src/pkg").mkdir(parents=True)
    (git_repo / "src/train.py").write_text("import pkg.model; print(pkg.model.NAME)\n")
    (git_repo / "src/pkg/__init__.py").touch()
    (git_repo / "src/pkg/model.py").write_text("NAME = 'model'\n")
    (git_repo / ".gitignore").write_text("__pycache__/\n*.log\n")
    return git_repo


def stages(project: Path, text: str) -> None:
    (project / "dver.yaml").write_text(f"stages:\n{text}")


def commit(project: Path) -> None:
    git("add", "-A", cwd=project)
    git("commit", "-qm", "Change", cwd=project)


def would_run(run: Run, project: Path) -> str:
    return run("repro", "--dry-run", cwd=project).out


def test_bytecode_that_the_command_writes_beside_its_modules_does_not_count(run: Run, project: Path) -> None:
    assert "PYTHONDONTWRITEBYTECODE" not in os.environ
    stages(project, "  a: {cmd: python src/train.py > out, deps: [src], outs: [out]}\n")
    run("repro", cwd=project)
    assert (project / "src/pkg/__pycache__").is_dir()
    assert would_run(run, project) == UP_TO_DATE
    (item,) = lock.decode((project / "dver.lock").read_bytes()).stages["a"].deps
    assert item.files == 3
    commit(project)
    git("clone", "-q", ".", "../clone", cwd=project)
    assert "changed" not in would_run(run, project.parent / "clone")


@pytest.mark.parametrize(
    ("path", "counts"),
    [
        ("src/train.log", False),
        ("src/pkg/new/deep.log", False),
        ("src/__pycache__/x.pyc", False),
        ("src/kept.log", True),  # tracked by Git all the same
        ("src/new.py", True),  # neither tracked nor ignored
        ("src/skipped.dvc-tmp", False),
        ("src/skipped.dver-tmp", False),
        ("src/empty/", False),
        ("src/.gitignore", False),
        ("src/sub/dver.lock", False),
        ("src/sub/dver.lock.txt", True),
        ("src/sub/data.dver", False),
    ],
)
def test_what_counts_is_what_a_clone_has(run: Run, project: Path, path: str, counts: bool) -> None:
    stages(project, "  a: {cmd: touch out, deps: [src], outs: [out]}\n")
    (project / ".dvcignore").write_text("*.dvc-tmp\n")
    (project / ".dverignore").write_text("*.dver-tmp\n")
    (project / "src/kept.log").write_text("kept\n")
    git("add", "-f", "src/kept.log", cwd=project)
    run("repro", cwd=project)
    assert would_run(run, project) == UP_TO_DATE
    (project / path).parent.mkdir(parents=True, exist_ok=True)
    if path.endswith("/"):
        (project / path).mkdir()
    else:
        (project / path).write_text("")
    assert (would_run(run, project) != UP_TO_DATE) is counts


def test_tracked_data_and_outputs_count_whole_wherever_they_are(run: Run, project: Path) -> None:
    stages(
        project,
        """\
  make: {cmd: mkdir -p all/ignored/made; echo $N > all/ignored/made/a.log, env: [N], outs: [all/ignored/made]}
  read: {cmd: find all -type f > out, deps: [all, make.py], outs: [out]}
""",
    )
    (project / "make.py").touch()
    (project / "all/data/__pycache__").mkdir(parents=True)
    (project / "all/data/__pycache__/a.pyc").write_text("1")
    (project / "all/data/empty").mkdir()
    (project / "all/ignored").mkdir()
    (project / "all/ignored/other.log").write_text("1")
    (project / ".gitignore").write_text("__pycache__/\n*.log\nignored/\n")
    run("add", "all/data", cwd=project)
    run("repro", cwd=project, env={"N": "1"})
    assert run("repro", "--dry-run", cwd=project, env={"N": "1"}).out == UP_TO_DATE
    (project / "all/ignored/other.log").write_text("2")
    assert run("repro", "--dry-run", cwd=project, env={"N": "1"}).out == UP_TO_DATE
    run("repro", "make", cwd=project, env={"N": "2"})
    found = run("repro", "--dry-run", cwd=project, env={"N": "2"}).out
    assert "changed: all, 1 file (1 modified): ignored/made/a.log" in found
    run("repro", cwd=project, env={"N": "2"})
    (project / "all/data/empty").rmdir()
    (project / "all/data/__pycache__/a.pyc").write_text("2")
    found = run("repro", "--dry-run", cwd=project, env={"N": "2"}).out
    assert "data/__pycache__/a.pyc" in found
    assert "data/empty" in found


def test_recording_the_data_in_a_directory_leaves_its_stage_up_to_date(run: Run, project: Path) -> None:
    stages(project, "  a: {cmd: cat data/raw/* > out, deps: [data], outs: [out]}\n")
    (project / "data/raw").mkdir(parents=True)
    (project / "data/raw/a").write_text("a")
    run("repro", cwd=project)
    run("add", "data/raw", cwd=project)
    assert would_run(run, project) == UP_TO_DATE
    (project / "data/raw/b").write_text("b")
    run("repro", cwd=project)
    run("add", "-u", cwd=project)
    assert would_run(run, project) == UP_TO_DATE
    assert "out of date" not in run("status", cwd=project).out


@pytest.mark.parametrize("rule", ["/data\n", "/data/*\n", "*.csv\n"])
def test_a_dependency_that_git_ignores_as_a_whole_counts_as_a_whole(run: Run, project: Path, rule: str) -> None:
    stages(project, "  a: {cmd: cat data/*/* > out, deps: [data], outs: [out]}\n")
    (project / "data/sub").mkdir(parents=True)
    (project / "data/sub/a.csv").write_text("a")
    (project / ".gitignore").write_text(rule)
    run("repro", cwd=project)
    assert would_run(run, project) == UP_TO_DATE
    (project / "data/sub/a.csv").write_text("b")
    assert "data, 1 file (1 modified): sub/a.csv" in would_run(run, project)


def test_a_directory_in_an_ignored_one_counts_where_a_stage_names_it(run: Run, project: Path) -> None:
    stages(project, "  a: {cmd: touch out, deps: [build/in], outs: [out]}\n")
    (project / "build/in").mkdir(parents=True)
    (project / "build/in/a").write_text("a")
    (project / ".gitignore").write_text("build/\n")
    run("repro", cwd=project)
    (project / "build/in/a").write_text("b")
    assert "changed: build/in" in would_run(run, project)


@pytest.mark.parametrize("pattern", ["src/**", "src/*", "src/**/*", "s*/pkg"])
def test_patterns_follow_the_same_rule(run: Run, project: Path, pattern: str) -> None:
    stages(project, f"  a: {{cmd: python src/train.py > out, deps: ['{pattern}'], outs: [out]}}\n")
    (project / "src/data").write_text("1")
    run("add", "src/data", cwd=project)
    run("repro", cwd=project)
    (project / "src/pkg/a.log").touch()
    assert would_run(run, project) == UP_TO_DATE
    (project / "src/pkg/model.py").write_text("NAME = 'other'\n")
    assert "changed: " in would_run(run, project)


def test_the_repository_itself_can_be_a_dependency(run: Run, project: Path) -> None:
    stages(project, "  a: {cmd: python src/train.py, deps: [.]}\n")
    run("repro", cwd=project)
    assert would_run(run, project) == UP_TO_DATE
    commit(project)
    assert would_run(run, project) == UP_TO_DATE
    (project / "src/train.py").write_text("pass\n")
    assert "changed: . (" in would_run(run, project)


def test_a_link_to_a_directory_follows_the_same_rule(run: Run, project: Path) -> None:
    stages(project, "  a: {cmd: python code/train.py > out, deps: [code], outs: [out]}\n")
    (project / "code").symlink_to("src")
    run("repro", cwd=project)
    assert would_run(run, project) == UP_TO_DATE


def test_a_directory_of_a_submodule_is_read(run: Run, project: Path) -> None:
    stages(project, "  a: {cmd: touch out, deps: [lib, lib/src], outs: [out]}\n")
    (project.parent / "other/src").mkdir(parents=True)
    git("init", "-q", cwd=project.parent / "other")
    (project.parent / "other/src/a.py").write_text("a")
    commit(project.parent / "other")
    git("submodule", "--quiet", "add", "../other", "lib", cwd=project)
    run("repro", cwd=project)
    assert would_run(run, project) == UP_TO_DATE
    (project / "lib/src/a.py").write_text("b")
    assert "changed: lib, 1 file (1 modified): src/a.py" in would_run(run, project)

"""`dver stage`, `dver freeze` and `dver unfreeze` through the real command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import Run, git


@pytest.fixture
def project(run: Run, git_repo: Path) -> Path:
    run("init", cwd=git_repo)
    (git_repo / "raw").write_text("raw\n")
    return git_repo


def test_a_stage_that_is_added_is_run(run: Run, project: Path) -> None:
    run("stage", "add", "copy", "-d", "raw", "-o", "my copy", "cp", "raw", "my copy", cwd=project)
    run("repro", cwd=project)
    assert (project / "my copy").read_text() == "raw\n"
    assert run("stage", "list", "--names-only", cwd=project).out == "copy\n"


def test_dver_yaml_is_staged_for_git(run: Run, project: Path) -> None:
    added = run("stage", "add", "-n", "copy", "-o", "out", "cp raw out", cwd=project)
    assert "staged dver.yaml: `git commit` records it\n" in added.err
    assert git("diff", "--cached", "--name-only", cwd=project).split()[-1] == "dver.yaml"
    assert "staged dver.yaml" in run("freeze", "copy", cwd=project).err
    assert git("diff", "--name-only", cwd=project) == ""


def test_changes_of_the_user_in_dver_yaml_are_not_staged(run: Run, project: Path) -> None:
    run("stage", "add", "-n", "copy", "-o", "out", "cp raw out", cwd=project)
    with (project / "dver.yaml").open("a") as file:
        file.write("# not finished\n")
    said = run("freeze", "copy", cwd=project).err
    assert said == "not staged: dver.yaml has other unstaged changes; `git add dver.yaml` stages all\n"
    assert git("diff", "--name-only", cwd=project) == "dver.yaml\n"
    assert "frozen" not in git("show", ":dver.yaml", cwd=project)


def test_all_that_can_be_said_of_a_stage_is_written(run: Run, project: Path) -> None:
    said = """-d raw -p lr,train.depth -p other.toml: -p more.json:a,b -o out -O plain
    --outs-persist kept --outs-persist-no-cache both -m m.json -M n.json --plots p.csv --plots-no-cache q.csv
    -w sub --env SEED --env MODE=a=b
    --resources cpus=2,memory=8GB --resources gpus=0.5 --retry 2 --timeout 1h30m --always-changed --desc text"""
    run("stage", "add", "-n", "train", *said.split(), "python train.py -d x > log", cwd=project)
    assert (project / "dver.yaml").read_text() == (
        """stages:
  train:
    desc: text
    cmd: python train.py -d x > log
    wdir: sub
    deps:
    - raw
    params:
    - lr
    - train.depth
    - other.toml:
    - more.json:
      - a
      - b
    outs:
    - out
    - plain:
        cache: false
    - kept:
        persist: true
    - both:
        cache: false
        persist: true
    metrics:
    - m.json
    - n.json:
        cache: false
    plots:
    - p.csv
    - q.csv:
        cache: false
    env:
    - SEED
    - MODE: a=b
    resources:
      cpus: 2
      memory: 8GB
      gpus: 0.5
    retry: 2
    timeout: 1h30m
    always_changed: true
"""
    )
    params = run("stage", "list", "--json", cwd=project).json[0]["params"]
    assert params == {
        "sub/other.toml": [],
        "sub/more.json": ["a", "b"],
        "sub/params.yaml": ["lr", "train.depth"],
    }


def test_what_is_in_the_file_stays_byte_for_byte(run: Run, project: Path) -> None:
    before = b"# mine\r\nstages:\r\n    a:   # why\r\n        cmd: 'x'\r\n\r\n# end\r\nmetrics: [ m.json ]"
    (project / "dver.yaml").write_bytes(before)
    run("stage", "add", "b", "-o", "out", "touch out", cwd=project)
    after = (project / "dver.yaml").read_bytes()
    new = b"    b:\r\n        cmd: touch out\r\n        outs:\r\n        - out\r\n"
    assert after == before.replace(b"'x'\r\n", b"'x'\r\n" + new)
    run("freeze", "b", cwd=project)
    assert (project / "dver.yaml").read_bytes() == after.replace(b"- out\r\n", b"- out\r\n        frozen: true\r\n")
    run("unfreeze", "b", cwd=project)
    assert (project / "dver.yaml").read_bytes() == after


@pytest.mark.parametrize(
    ("args", "rc", "told"),
    [
        (["a", "-o", "other", "x"], 9, "already"),
        (["b", "-o", "made", "x"], 9, "have the same output 'made'"),
        (["b", "-o", "made/in", "x"], 9, "is inside output 'made'"),
        (["b", "-d", "made", "-o", "raw", "x"], 9, "stages form a cycle"),
        (["b", "-o", "../out", "x"], 9, "outside of the repository"),
        (["b", "-o", "https://example.org/a", "x"], 9, "is a URL"),
        (["b", "-o", "tracked", "x"], 9, "the pointer 'tracked.dver'"),
        (["b", "-o", "tracked/in", "x"], 9, "the pointer 'tracked.dver'"),
        (["b", "-o", "folder", "x"], 9, "contains tracked data: 'folder/tracked'"),
        (["a@b", "-o", "out", "x"], 9, "invalid stage name"),
        (["b", "--timeout", "soon", "x"], 9, "expected a duration"),
        (["b", "--resources", "disk=3", "x"], 2, "invalid resource"),
        (["b", "-p", "", "x"], 2, "missing parameter name"),
        (["b"], 2, "missing argument"),
        (["-o", "out"], 2, "missing"),
    ],
)
def test_with_a_mistake_nothing_is_written(run: Run, project: Path, args: list[str], rc: int, told: str) -> None:
    (project / "dver.yaml").write_text("stages:\n  a: {cmd: x, deps: [raw], outs: [made]}\n")
    (project / "tracked").write_text("t\n")
    (project / "folder").mkdir()
    (project / "folder/tracked").write_text("t\n")
    run("add", "tracked", "folder/tracked", cwd=project)
    before = (project / "dver.yaml").read_bytes()
    assert told in run("stage", "add", *args, cwd=project, rc=rc).err
    assert (project / "dver.yaml").read_bytes() == before


def test_with_a_mistake_no_file_is_made(run: Run, project: Path) -> None:
    run("stage", "add", "a", "-d", "x", "-o", "x", "touch x", cwd=project, rc=9)
    assert not (project / "dver.yaml").exists()


def test_force_replaces_a_stage(run: Run, project: Path) -> None:
    (project / "dver.yaml").write_text("stages:\n  a: {cmd: x, outs: [made]}  # a\n  # b\n  b: {cmd: y}\n")
    run("stage", "add", "a", "-f", "-o", "made", "touch made", cwd=project)
    text = (project / "dver.yaml").read_text()
    assert text == "stages:\n  a:\n    cmd: touch made\n    outs:\n    - made\n  # b\n  b: {cmd: y}\n"


def test_a_stage_goes_into_the_file_of_the_folder(run: Run, project: Path) -> None:
    (project / "sub").mkdir()
    run("stage", "add", "a", "-d", "../raw", "-o", "out", "cp ../raw out", cwd=project / "sub")
    git("add", "sub/dver.yaml", cwd=project)
    run("repro", cwd=project)
    assert (project / "sub/out").read_text() == "raw\n"
    assert run("stage", "list", cwd=project).out.startswith("sub/dver.yaml:a")


def test_a_linked_file_is_changed_where_it_is(run: Run, project: Path) -> None:
    (project / "real.yaml").write_text("stages: {}\n")
    (project / "dver.yaml").symlink_to("real.yaml")
    run("stage", "add", "a", "true", cwd=project)
    assert (project / "dver.yaml").is_symlink()
    assert (project / "real.yaml").read_text() == "stages:\n  a:\n    cmd: 'true'\n".replace("'", '"')


def test_a_frozen_stage_is_not_run(run: Run, project: Path) -> None:
    run("stage", "add", "a", "-d", "raw", "-o", "out", "cp raw out", cwd=project)
    run("repro", cwd=project)
    run("freeze", "a", cwd=project)
    assert "already frozen" in run("freeze", "a", cwd=project).err
    (project / "raw").write_text("other\n")
    run("repro", cwd=project)
    assert (project / "out").read_text() == "raw\n"
    run("unfreeze", "out", cwd=project)
    run("repro", cwd=project)
    assert (project / "out").read_text() == "other\n"


def test_a_matrix_is_frozen_as_a_whole(run: Run, project: Path) -> None:
    text = "stages:\n  a:\n    matrix: {n: [1, 2]}\n    cmd: touch ${item.n}.txt\n    outs: ['${item.n}.txt']\n"
    (project / "dver.yaml").write_text(text)
    assert "name all of them: a" in run("freeze", "a@1", cwd=project, rc=2).err
    assert run("freeze", "a", cwd=project).out == "frozen: a@1\nfrozen: a@2\n"
    assert (project / "dver.yaml").read_text() == text + "    frozen: true\n"


def test_a_stage_is_removed_from_dver_yaml_and_the_lock_and_its_outputs_stay(run: Run, project: Path) -> None:
    (project / "dver.yaml").write_text(
        "stages:\n  # first\n  a: {cmd: cp raw 'my model', deps: [raw], outs: [my model]}\n"
        "  b:\n    foreach: [1, 2]\n    do: {cmd: 'cp raw o${item}', deps: [raw], outs: ['o${item}']}\n"
    )
    run("repro", cwd=project)
    git("add", "-A", cwd=project)
    git("commit", "-qm", "Run", cwd=project)
    assert "can be removed together only" in run("stage", "remove", "b@1", cwd=project, rc=2).err
    assert "no stage or output named" in run("stage", "remove", "my model", cwd=project, rc=2).err
    assert "fix: dver stage remove a\n" in run("remove", "a", cwd=project, rc=2).err
    removed = run("stage", "remove", "a", cwd=project)
    assert removed.out == "removed a from dver.yaml\n"
    assert "# first" in (project / "dver.yaml").read_text()
    assert "my model" not in (project / "dver.lock").read_text()
    assert (project / "my model").read_text() == "raw\n"
    assert "no longer tracked: my model\n`dver add 'my model'`" in removed.err
    assert removed.err.endswith("staged dver.yaml, dver.lock: `git commit` records them\n")
    run("add", "my model", cwd=project)
    run("stage", "remove", "b", cwd=project)
    assert not run("stage", "list", "--json", cwd=project).json
    git("reset", "-q", "--hard", cwd=project)
    assert run("repro", "--dry-run", "b", cwd=project).out == "everything is up to date\n"

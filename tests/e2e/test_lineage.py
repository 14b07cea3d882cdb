from __future__ import annotations

import json
from pathlib import Path

import pytest
from support import Run, Templates, git, make_git_repo, run_dver

STAGES = """\
stages:
  prepare:
    cmd: cat raw/* > clean.txt
    deps: [raw]
    outs: [clean.txt]
  train:
    matrix: {size: [s, l]}
    cmd: cat clean.txt code.sh > model-${item.size}.bin
    deps: [clean.txt, code.sh]
    params: [train.seed]
    outs: ["model-${item.size}.bin"]
  report:
    cmd: ls model-*.bin > report.txt
    deps: ["model-*.bin"]
    outs: [report.txt]
"""


@pytest.fixture
def repo(templates: Templates, tmp_path: Path) -> Path:
    """A project with data, code, parameters and three kinds of stages, all run and committed."""
    return templates.copy("lineage", tmp_path / "repo", make_project)


def make_project(repo: Path) -> None:
    make_git_repo(repo)
    run_dver("init", cwd=repo)
    (repo / "raw").mkdir()
    (repo / "raw/a").write_text("a\n")
    run_dver("add", "raw", cwd=repo)
    (repo / "code.sh").write_text("code\n")
    (repo / "params.yaml").write_text("train:\n  seed: 7\n")
    (repo / "dver.yaml").write_text(STAGES)
    git("add", "-A", cwd=repo)
    git("commit", "-qm", "Stages", cwd=repo)
    run_dver("repro", cwd=repo)
    git("add", "-A", cwd=repo)
    git("commit", "-qm", "Results", cwd=repo)


def told(run: Run, repo: Path, *args: str) -> str:
    return run("lineage", *args, cwd=repo).out


def test_a_report_is_traced_to_data_code_and_parameters(run: Run, repo: Path) -> None:
    text = told(run, repo, "report.txt")
    for line in (
        "report.txt  was made by report",
        "  ran     ls model-*.bin > report.txt",
        "model-s.bin  was made by train@s",
        "  with    train.seed = 7  (params.yaml)",
        "clean.txt  was made by prepare",
    ):
        assert line in text.splitlines()
    assert "made by train@l, train@s)" in text
    assert "(data)" in text
    assert "code.sh" in text
    assert "(in Git)" in text
    assert text.index("was made by report") < text.index("was made by train@s") < text.index("was made by prepare")


def test_the_record_of_the_run_is_told(run: Run, repo: Path) -> None:
    found = json.loads(told(run, repo, "clean.txt", "--json"))["stages"]
    record = found[0]["record"]
    assert record["stage"] == "prepare"
    assert record["commit"] == git("rev-parse", "HEAD~1", cwd=repo).strip()
    assert record["python"]
    assert record["packages"]
    assert record["started"] <= record["ended"]
    train = json.loads(told(run, repo, "model-s.bin", "--json"))["stages"][0]
    assert train["record"]["seeds"] == {"params.yaml:train.seed": 7}


def test_an_older_revision_tells_its_own_story(run: Run, repo: Path) -> None:
    (repo / "params.yaml").write_text("train:\n  seed: 8\n")
    run("repro", cwd=repo)
    assert "train.seed = 8" in told(run, repo, "model-s.bin")
    assert "train.seed = 7" in told(run, repo, "model-s.bin", "--rev", "HEAD")


def test_another_clone_knows_the_lineage_without_the_records(run: Run, repo: Path) -> None:
    clone = repo.with_name("clone")
    git("clone", "-q", repo, clone, cwd=repo)
    text = told(run, clone, "report.txt")
    assert "was made by prepare" in text
    assert "no record of this run on this machine" in text


def test_a_diagram_has_all_stages(run: Run, repo: Path) -> None:
    lines = told(run, repo, "report.txt", "--mermaid").splitlines()
    assert lines[0] == "flowchart TD"
    assert sum("-->" in line for line in lines) == 7
    assert any('-->|"clean.txt"|' in line for line in lines)


def test_what_no_stage_made_has_no_lineage(run: Run, repo: Path) -> None:
    shown = run("lineage", "code.sh", cwd=repo, rc=2).err
    assert "no stage in dver.lock made 'code.sh'" in shown
    assert "no stage in dver.lock of HEAD~1 made" in run("lineage", "report.txt", "--rev", "HEAD~1", cwd=repo, rc=2).err


def test_a_lock_that_cannot_be_read_is_named(run: Run, repo: Path) -> None:
    (repo / "dver.lock").write_text("stages: 5\n")
    assert "cannot read the lock 'dver.lock'" in run("lineage", "report.txt", cwd=repo, rc=6).err


def test_of_a_dependency_that_is_a_link_it_is_told_that_git_has_the_link_alone(
    run: Run, git_repo: Path, tmp_path: Path
) -> None:
    run("init", cwd=git_repo)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/a").write_text("a\n")
    (git_repo / "data").symlink_to(tmp_path / "elsewhere")
    (git_repo / "dver.yaml").write_text("stages: {a: {cmd: cat data/a > x, deps: [data, README], outs: [x]}}\n")
    run("repro", cwd=git_repo)
    git("add", "-A", cwd=git_repo)
    git("commit", "-qm", "Run", cwd=git_repo)
    for args in (["x"], ["x", "--rev", "HEAD"]):
        text = told(run, git_repo, *args)
        assert "1 file  (through a link in Git)\n" in text
        assert "  (in Git)\n" in text
    assert run("verify", "a", cwd=git_repo).out.startswith("x: identical\n")


def test_parameters_are_told_in_the_words_of_yaml(run: Run, git_repo: Path) -> None:
    run("init", cwd=git_repo)
    (git_repo / "params.yaml").write_text("train: {depth: 6, deep: true, seed: null, names: [a, ü]}\n")
    (git_repo / "dver.yaml").write_text(
        "stages: {a: {cmd: 'echo \"a b\" > x', params: [train, train.deep, train.seed, train.names], outs: [x]}}\n"
    )
    run("repro", cwd=git_repo)
    lines = told(run, git_repo, "x").splitlines()
    assert lines[1] == '  ran     echo "a b" > x'
    values = dict(line.split("with")[1].strip().split(" = ") for line in lines[2:6])
    assert values == {
        "train": '{"deep": true, "depth": 6, "names": ["a", "ü"], "seed": null}  (params.yaml)',
        "train.deep": "true  (params.yaml)",
        "train.seed": "null  (params.yaml)",
        "train.names": '["a", "ü"]  (params.yaml)',
    }

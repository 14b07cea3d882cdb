from __future__ import annotations

import json
from pathlib import Path

import pytest
from support import Run, git, make_git_repo


@pytest.fixture
def repo(run: Run, tmp_path: Path) -> Path:
    """A project with data and a stage before the one that is verified."""
    repo = make_git_repo(tmp_path / "repo")
    run("init", cwd=repo)
    (repo / "raw").write_text("raw\n")
    run("add", "raw", cwd=repo)
    return repo


def stages(run: Run, repo: Path, body: str) -> None:
    """Have a stage `make`, which may read `clean`; run and commit it."""
    clean = "  clean: {cmd: cp raw clean, deps: [raw], outs: [clean]}\n"
    (repo / "dver.yaml").write_text(f"stages:\n{clean}  make: {body}\n")
    git("add", "-A", cwd=repo)
    run("repro", cwd=repo)
    git("add", "-A", cwd=repo)
    git("commit", "-qm", "Results", cwd=repo)


def outcomes(run: Run, repo: Path, *, rc: int = 0) -> dict[str, str]:
    found = json.loads(run("verify", "make", "--json", cwd=repo, rc=rc).out)
    return {one["path"]: one["outcome"] for one in found["outputs"]}


def test_a_stage_that_makes_the_same_again_is_reproduced(run: Run, repo: Path) -> None:
    stages(run, repo, "{cmd: mkdir out && cp clean out/a, deps: [clean], outs: [out]}")
    assert outcomes(run, repo) == {"out": "identical"}
    assert "reproduced" in run("verify", "make", cwd=repo).err


def test_the_workspace_and_the_list_of_worktrees_stay_as_they_are(run: Run, repo: Path) -> None:
    stages(run, repo, "{cmd: cp clean out, deps: [clean], outs: [out]}")
    (repo / "raw").write_text("edited\n")
    (repo / "out").write_text("edited\n")
    assert outcomes(run, repo) == {"out": "identical"}
    assert ((repo / "raw").read_text(), (repo / "out").read_text()) == ("edited\n", "edited\n")
    assert len(git("worktree", "list", cwd=repo).splitlines()) == 1
    assert list((repo / ".git/dver/verify").iterdir()) == []


def test_what_differs_from_run_to_run_is_told(run: Run, repo: Path) -> None:
    stages(run, repo, "{cmd: date +%s%N > out, outs: [out]}")
    assert outcomes(run, repo, rc=1) == {"out": "different"}
    assert "not reproduced" in run("verify", "make", cwd=repo, rc=1).err


def test_a_stage_may_say_that_it_is_not_deterministic(run: Run, repo: Path) -> None:
    stages(run, repo, "{cmd: date +%s%N > out, outs: [out], deterministic: false}")
    assert outcomes(run, repo) == {"out": "different, as `deterministic: false` allows"}


@pytest.mark.parametrize(("tolerance", "rc"), [("1.0e12", 0), ("{loss: 1.0e12}", 0), ("{other: 1}", 1), ("1.0e-9", 1)])
@pytest.mark.parametrize("cache", ["true", "false"])
def test_metrics_may_differ_by_their_tolerance(run: Run, repo: Path, tolerance: str, rc: int, cache: str) -> None:
    cmd = '"echo loss: $(date +%S%N | sed s/^0*//) > m.yaml; echo name: same >> m.yaml"'
    stages(run, repo, f"{{cmd: {cmd}, metrics: [m.yaml: {{cache: {cache}}}], tolerance: {tolerance}}}")
    assert outcomes(run, repo, rc=rc) == {"m.yaml": "different" if rc else "within tolerance"}


def test_a_metric_that_differs_is_shown(run: Run, repo: Path) -> None:
    stages(run, repo, '{cmd: "echo loss: $(date +%s%N) > m.yaml", metrics: [m.yaml]}')
    assert "  loss: " in run("verify", "make", cwd=repo, rc=1).out


def test_what_a_stage_reads_and_does_not_name_is_not_there(run: Run, repo: Path) -> None:
    (repo / ".gitignore").write_text("secret\n")
    (repo / "secret").write_text("secret\n")
    stages(run, repo, "{cmd: cp secret out, outs: [out]}")
    shown = run("verify", "make", cwd=repo, rc=10).err
    assert "failed in the second run" in shown
    assert "make | cp: " in shown
    assert "add all inputs to `deps`" in shown


def test_a_stage_that_is_stale_in_head_cannot_be_verified(run: Run, repo: Path) -> None:
    stages(run, repo, "{cmd: cp clean out, deps: [clean], outs: [out]}")
    (repo / "dver.yaml").write_text((repo / "dver.yaml").read_text().replace("cp clean out", "cat clean > out"))
    git("commit", "-qam", "Another command", cwd=repo)
    assert "is out of date in HEAD" in run("verify", "make", cwd=repo, rc=10).err


def test_a_stage_that_never_ran_cannot_be_verified(run: Run, repo: Path) -> None:
    (repo / "dver.yaml").write_text("stages: {make: {cmd: echo}}\n")
    git("add", "-A", cwd=repo)
    git("commit", "-qm", "Stages", cwd=repo)
    assert "has no entry in the dver.lock of HEAD" in run("verify", "make", cwd=repo, rc=10).err
    assert "no stage or output named" in run("verify", "other", cwd=repo, rc=2).err


def test_without_a_commit_there_is_nothing_to_verify(run: Run, repo: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    git("init", "-q", empty, cwd=tmp_path)
    run("init", cwd=empty)
    assert "no commit exists yet" in run("verify", "make", cwd=empty, rc=2).err

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from support import Run, git

from dver.experiments.journal import Journal
from dver.experiments.table.baselines import baseline_rows, workspace_row
from dver.repo import Repository


@pytest.fixture
def project(git_repo: Path) -> Path:
    (git_repo / ".dver").mkdir()
    (git_repo / ".dver" / "config.toml").write_text("")
    (git_repo / "dver.yaml").write_text("stages: {t: {cmd: 'true', metrics: [{m.json: {cache: false}}]}}")
    (git_repo / "params.yaml").write_text("lr: 0.1\nnan: .nan\n")
    (git_repo / "m.json").write_text('{"auc": 0.5}')
    git("add", "-A", cwd=git_repo)
    git("commit", "-qm", "Größe", cwd=git_repo)
    return git_repo


def test_a_baseline_has_the_values_of_its_commit(project: Path) -> None:
    head = git("rev-parse", "HEAD", cwd=project).strip()
    first = git("rev-parse", "HEAD~1", cwd=project).strip()
    with Repository.open(project) as repo, Journal(repo) as journal:
        found = baseline_rows(repo, journal, [head, first], {"main": head, "v1": head})
        assert list(found) == [head, first]
        assert found[head].params["params.yaml"]["lr"] == 0.1
        assert found[head].metrics == {"m.json": {"auc": 0.5}}
        assert (found[head].name, found[head].message) == ("main, v1", "Größe")
        assert (found[first].name, found[first].params) == (first[:7], {})
        assert found[head].created > 0
    (project / "m.json").write_text('{"auc": 0.9}')
    with Repository.open(project) as repo, Journal(repo) as journal:
        assert baseline_rows(repo, journal, [head], {})[head].metrics == {"m.json": {"auc": 0.5}}
        assert workspace_row(repo).metrics == {"m.json": {"auc": 0.9}}


def test_a_commit_is_read_once(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    head = git("rev-parse", "HEAD", cwd=project).strip()
    with Repository.open(project) as repo, Journal(repo) as journal:
        first = baseline_rows(repo, journal, [head], {})
    monkeypatch.setenv("PATH", "")  # nothing can be read with git any more
    with Repository.open(project) as repo, Journal(repo) as journal:
        again = baseline_rows(repo, journal, [head], {})
        assert again[head].metrics == first[head].metrics


def test_a_commit_that_this_clone_does_not_have_is_left_out(project: Path) -> None:
    with Repository.open(project) as repo, Journal(repo) as journal:
        assert baseline_rows(repo, journal, ["1" * 40], {}) == {}


def test_files_that_cannot_be_read_are_left_out(project: Path) -> None:
    (project / "m.json").write_text("{")
    git("commit", "-qam", "Broken", cwd=project)
    head = git("rev-parse", "HEAD", cwd=project).strip()
    with Repository.open(project) as repo, Journal(repo) as journal:
        found = baseline_rows(repo, journal, [head], {})[head]
        assert found.metrics == {}
        assert found.params["params.yaml"]["lr"] == 0.1
        assert workspace_row(repo).metrics == {}


def test_metrics_that_were_not_fetched_yet_are_read_later(project: Path, run: Run) -> None:
    (project / "dver.yaml").write_text("stages: {t: {cmd: 'echo 1 > auc.json', metrics: [auc.json]}}")
    run("repro", cwd=project)
    git("add", "-A", cwd=project)
    git("commit", "-qm", "Metrics in the store", cwd=project)
    head = git("rev-parse", "HEAD", cwd=project).strip()
    store = project / ".git" / "dver" / "store"
    shutil.move(store, project / ".git" / "elsewhere")
    with Repository.open(project) as repo, Journal(repo) as journal:
        assert baseline_rows(repo, journal, [head], {})[head].metrics == {}
    shutil.rmtree(store, ignore_errors=True)
    shutil.move(project / ".git" / "elsewhere", store)
    (project / ".git" / "dver" / "index.db").unlink()
    with Repository.open(project) as repo, Journal(repo) as journal:
        assert baseline_rows(repo, journal, [head], {})[head].metrics == {"auc.json": {"auc": 1}}

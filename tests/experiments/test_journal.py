from __future__ import annotations

import multiprocessing
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dver.experiments.journal import LOCAL, REMOTES, Journal
from dver.formats.experiment import Experiment, ExperimentStatus, encode_entry
from dver.git.git_repo import CommitId
from dver.git.journal import journal_tips, move_ref, write_commit, write_tree_of_blobs
from dver.repo import Repository


def git(cwd: Path, *args: str) -> str:
    done = subprocess.run(["git", *args], cwd=cwd, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    (root / ".dver").mkdir(parents=True)
    git(root, "init", "-q")
    git(root, "commit", "-q", "--allow-empty", "-m", "first")
    return root


def an_experiment(journal: Journal, name: str, commit: str, created: float = 1.0) -> Experiment:
    return Experiment(
        id=journal.new_id(),
        name=name,
        status=ExperimentStatus.QUEUED,
        baseline=commit,
        commit=commit,
        updated=1,
        created=created,
    )


def test_records_come_back_in_order_of_creation(project: Path) -> None:
    head = git(project, "rev-parse", "HEAD")
    with Repository.open(project) as repo, Journal(repo) as journal:
        journal.record([an_experiment(journal, "second", head, 2.0), an_experiment(journal, "first", head, 1.0)])
        assert [one.name for one in journal.all()] == ["first", "second"]
    with Repository.open(project) as repo, Journal(repo) as journal:
        assert [one.name for one in journal.all()] == ["first", "second"]


def test_a_later_record_replaces_an_earlier_one(project: Path) -> None:
    head = git(project, "rev-parse", "HEAD")
    with Repository.open(project) as repo, Journal(repo) as journal:
        one = an_experiment(journal, "one", head)
        journal.record([one], logs={one.id: b"first lines"})
        (done,) = journal.update([one.id], lambda old: replace(old, status=ExperimentStatus.DONE))
        assert done.updated > one.updated
        assert journal.get(one.id) == done
        assert journal.update([one.id], lambda _: None) == []
        assert journal.with_status(ExperimentStatus.QUEUED) == []
        assert journal.log_tail(one.id) == b"first lines"
        assert journal.log_tail("0" * 32) is None


def test_a_deleted_cache_is_made_again(project: Path) -> None:
    head = git(project, "rev-parse", "HEAD")
    with Repository.open(project) as repo, Journal(repo) as journal:
        journal.record([an_experiment(journal, "one", head)])
        assert len(journal.all()) == 1
        cache = journal.directory / "records.db"
    for content in (None, b"no database", b""):
        cache.unlink()
        if content is not None:
            cache.write_bytes(content)
        with Repository.open(project) as repo, Journal(repo) as journal:
            assert [one.name for one in journal.all()] == ["one"]


def test_a_rewritten_journal_replaces_its_records(project: Path) -> None:
    head = git(project, "rev-parse", "HEAD")
    with Repository.open(project) as repo, Journal(repo) as journal:
        ref = LOCAL + journal.writer
        journal.record([an_experiment(journal, "kept", head)])
        before = journal_tips(repo.git, ref)[ref]
        journal.record([an_experiment(journal, "dropped", head)])
        assert len(journal.all()) == 2
        git(project, "update-ref", ref, before)
        assert [one.name for one in journal.all()] == ["kept"]


def test_commits_of_experiments_survive_git_gc(project: Path) -> None:
    head = git(project, "rev-parse", "HEAD")
    tree = git(project, "rev-parse", "HEAD^{tree}")
    commit = git(project, "commit-tree", tree, "-p", head, "-m", "x")
    with Repository.open(project) as repo, Journal(repo) as journal:
        journal.record([replace(an_experiment(journal, "one", head), commit=commit)])
    git(project, "reflog", "expire", "--expire=now", "--all")
    git(project, "gc", "-q", "--prune=now")
    assert git(project, "cat-file", "-t", commit) == "commit"
    with Repository.open(project) as repo, Journal(repo) as journal:
        assert len(journal.all()) == 1


def test_a_copied_clone_writes_a_journal_of_its_own(project: Path, tmp_path: Path) -> None:
    head = git(project, "rev-parse", "HEAD")
    with Repository.open(project) as repo, Journal(repo) as journal:
        journal.record([an_experiment(journal, "one", head)])
        writer = journal.writer
    copy = tmp_path / "copy"
    shutil.copytree(project, copy, symlinks=True)
    with Repository.open(copy) as repo, Journal(repo) as journal:
        assert journal.writer != writer
        journal.record([an_experiment(journal, "two", head, 2.0)])
        assert [journal.is_own(one) for one in journal.all()] == [False, True]


def test_writers_at_once_lose_nothing(project: Path) -> None:
    head = git(project, "rev-parse", "HEAD")
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=append_some, args=(project, head, number)) for number in range(3)]
    for one in processes:
        one.start()
    for one in processes:
        one.join()
    assert [one.exitcode for one in processes] == [0, 0, 0]
    with Repository.open(project) as repo, Journal(repo) as journal:
        assert sorted(one.name for one in journal.all()) == sorted(f"{a}-{b}" for a in range(3) for b in range(8))


def append_some(project: Path, head: str, number: int) -> None:
    with Repository.open(project) as repo, Journal(repo) as journal:
        for one in range(8):
            journal.record([an_experiment(journal, f"{number}-{one}", head)])
            assert len(journal.all()) > one


def test_a_clone_in_which_git_knows_no_user_can_write(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    head = git(project, "rev-parse", "HEAD")
    for name in ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL", "EMAIL"):
        monkeypatch.delenv(name, raising=False)
    git(project, "config", "user.useConfigOnly", "true")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    with Repository.open(project) as repo, Journal(repo) as journal:
        journal.record([an_experiment(journal, "one", head)])
        assert git(project, "log", "-1", "--format=%an", LOCAL + journal.writer) == "dver"


def test_a_journal_of_a_newer_version_hides_nothing_else_and_is_read_after_an_upgrade(project: Path) -> None:
    head = git(project, "rev-parse", "HEAD")
    theirs = f"{REMOTES}origin/{'f' * 16}"
    with Repository.open(project) as repo, Journal(repo) as journal:
        journal.record([an_experiment(journal, "mine", head)])
        one = replace(an_experiment(journal, "theirs", head), id="1" * 32, status=ExperimentStatus.DONE)
        root = append_entry(repo, theirs, encode_entry([]), None)
        good = append_entry(repo, theirs, encode_entry([one]), root)
        later = encode_entry([replace(one, name="later")]).replace(b"experiments 1", b"experiments 2")
        append_entry(repo, theirs, later, good)
    for _ in range(2):
        with Repository.open(project) as repo, Journal(repo) as journal:
            assert sorted(one.name for one in journal.all()) == ["mine", "theirs"]
            assert list(journal.problems) == [theirs]


def append_entry(repo: Repository, ref: str, message: bytes, after: CommitId | None) -> CommitId:
    tree = write_tree_of_blobs(repo.git, {})
    entry = write_commit(repo.git, tree, message, parents=[after] if after else [])
    move_ref(repo.git, ref, entry, before=after)
    return entry


def publish(repo: Repository, ref: str, *records: Experiment) -> None:
    """Write a journal as a fetch would."""
    root = append_entry(repo, ref, encode_entry([]), None)
    append_entry(repo, ref, encode_entry(records), root)


def test_a_fetched_journal_can_rename_and_remove_but_never_queue_or_replace_an_experiment(project: Path) -> None:
    head = git(project, "rev-parse", "HEAD")
    with Repository.open(project) as repo, Journal(repo) as journal:
        one = replace(an_experiment(journal, "mine", head), status=ExperimentStatus.FAILED, set=("params.yaml:lr=1",))
        journal.record([one])
        later = replace(one, updated=one.updated + 1)
        publish(
            repo,
            f"{REMOTES}origin/{'e' * 16}",
            replace(later, name="renamed", status=ExperimentStatus.QUEUED, set=(), commit="c" * 40, task={"cwd": "/"}),
            replace(later, id="2" * 16 + journal.writer, name="foreign", status=ExperimentStatus.QUEUED),
            replace(later, id="3" * 32, name="running", status=ExperimentStatus.RUNNING),
        )
    for _ in range(2):
        with Repository.open(project) as repo, Journal(repo) as journal:
            assert journal.all() == [replace(later, name="renamed")]
            assert journal.own_ids_with_status(ExperimentStatus.QUEUED) == []
            (journal.directory / "records.db").unlink()


def test_records_of_several_entries_are_there_all_or_none(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    head = git(project, "rev-parse", "HEAD")
    written = 0

    def write_one_entry(*args: Any, **options: Any) -> Any:
        nonlocal written
        written += 1
        if written == 2:
            raise KeyboardInterrupt
        return write_commit(*args, **options)

    with Repository.open(project) as repo, Journal(repo) as journal:
        many = [an_experiment(journal, f"t-{number}", head) for number in range(1001)]
        journal.record(many[:1])
        monkeypatch.setattr("dver.experiments.entries.write_commit", write_one_entry)
        with pytest.raises(KeyboardInterrupt):
            journal.record(many[1:])
        assert len(journal.all()) == 1
        monkeypatch.undo()
        journal.record(many[1:])
        assert len(journal.all()) == 1001
    shutil.rmtree(project / ".git/dver/experiments")
    with Repository.open(project) as repo, Journal(repo) as journal:
        assert len(journal.all()) == 1001

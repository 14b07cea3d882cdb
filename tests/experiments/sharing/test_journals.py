"""Reading, writing and compacting journals in a real Git repository."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support import git

from dver.experiments.entries import write_entries
from dver.experiments.journal import LOCAL, Journal
from dver.experiments.sharing.changes import remove, restorable, restore
from dver.experiments.sharing.compaction import compact_local, expired, plan_local_compaction
from dver.experiments.sharing.journal_content import JournalContent, log_blobs, read_journal
from dver.experiments.sharing.tracking import PublishedJournals
from dver.formats.experiment import Experiment, ExperimentStatus, is_tombstone
from dver.git.git_repo import CommitId, run
from dver.git.journal import journal_tips
from dver.git.remotes.ref_exchange import RefMovedError
from dver.ops.track.init import init
from dver.repo import Repository


@pytest.fixture
def repo(git_repo: Path) -> Iterator[Repository]:
    init(git_repo, hooks=False)
    with Repository.open(git_repo) as found:
        yield found


def made(repo: Repository, name: str, identifier: str, updated: int = 1) -> Experiment:
    """An experiment with a commit of its own."""
    head = git("rev-parse", "HEAD", cwd=repo.root).strip()
    commit = git("commit-tree", f"{head}^{{tree}}", "-p", head, "-m", name, cwd=repo.root).strip()
    return Experiment(
        id=identifier,
        name=name,
        status=ExperimentStatus.DONE,
        baseline=head,
        commit=commit,
        updated=updated,
        created=float(updated),
        metrics={"m.json": {"loss": 1}},
    )


def local_content(repo: Repository) -> JournalContent:
    (tip,) = journal_tips(repo.git, LOCAL).values()
    return read_journal(repo.git, tip)


def test_what_is_written_is_read(repo: Repository) -> None:
    one, two = made(repo, "one", "1" * 32), made(repo, "two", "2" * 32)
    log = run(repo.git, ["hash-object", "-w", "--stdin"], stdin=b"a log").decode().strip()
    first = write_entries(repo.git, None, [one, two], keeps={one.id: [one.commit]}, logs={two.id: log})
    renamed = replace(one, name="uno", updated=2)
    tip = write_entries(repo.git, first, [renamed], keeps={}, logs={})
    found = read_journal(repo.git, tip)
    assert dict(found.records) == {one.id: renamed, two.id: two}
    assert found.entries[one.id] == [tip, first]
    assert found.kept == {one.commit}
    assert log_blobs(repo.git, [found], [one.id, two.id]) == {two.id: log}
    assert read_journal(repo.git, None) == JournalContent()


def test_many_records_are_several_entries(repo: Repository) -> None:
    one = made(repo, "one", "1" * 32)
    many = [replace(one, id=f"{number:032x}", name=str(number)) for number in range(1200)]
    tip = write_entries(repo.git, None, many, keeps={one.id: [one.commit] for one in many}, logs={})
    assert list(read_journal(repo.git, tip).records.values()) == many
    assert len(git("rev-list", "--first-parent", tip, cwd=repo.root).split()) == 4


def test_only_removals_of_before_are_expired(repo: Repository) -> None:
    one, two, three = (made(repo, str(number), f"{number}" * 32) for number in (1, 2, 3))
    keeps = {one.id: [one.commit], two.id: [two.commit]}
    content = read_journal(repo.git, write_entries(repo.git, None, [one, two, three], keeps=keeps, logs={}))
    removed = [replace(item, removed=True, updated=10) for item in (one, three)]
    assert expired(content, removed, before=10) == frozenset()
    assert expired(content, removed, before=11) == {one.id}  # the journal does not keep the commit of the third
    shared = [replace(item, commit=two.commit) for item in removed]
    content = replace(content, records={**content.records, one.id: shared[0]})
    assert expired(content, shared, before=11) == frozenset()  # another experiment has the same commit


def test_a_compaction_keeps_everything_but_the_removed(repo: Repository) -> None:
    with Journal(repo) as journal:
        ids = [journal.new_id() for _ in range(3)]
        experiments = [made(repo, str(number), identifier, number + 1) for number, identifier in enumerate(ids)]
        journal.record(experiments, logs={ids[0]: b"log 0", ids[2]: b"log 2"})
        remove(journal, experiments[:1])
        journal.update(ids[2:], lambda old: replace(old, name="renamed"))
        before = journal.all()
        far = before[-1].updated + 10**12
        assert compact_local(repo.git, journal, before=far) == {ids[0]}
        assert journal.all() == before
        assert journal.log_tail(ids[2]) == b"log 2"
        (left,) = journal.removed()
        assert is_tombstone(left)
        assert (left.id, left.metrics) == (ids[0], {})
        assert plan_local_compaction(repo.git, journal, before=far) == {}
    content = local_content(repo)
    assert content.kept == {one.commit for one in experiments[1:]}


def test_a_compaction_keeps_the_snapshots_of_tasks(repo: Repository) -> None:
    with Journal(repo) as journal:
        task, gone = (made(repo, name, journal.new_id()) for name in ("task", "gone"))
        queued = replace(task, status=ExperimentStatus.QUEUED, task={"snapshot": task.commit})
        journal.record([queued, gone])
        result = made(repo, "result", task.id)
        journal.update([task.id], lambda old: replace(old, status=ExperimentStatus.DONE, commit=result.commit))
        (removed,) = remove(journal, [gone])
        compact_local(repo.git, journal, before=removed.updated + 1)
    assert local_content(repo).kept == {task.commit, result.commit}


def test_a_restored_experiment_is_kept_by_the_journal_again(repo: Repository) -> None:
    with Journal(repo) as journal:
        one, two = (made(repo, name, journal.new_id()) for name in ("one", "two"))
        journal.record([one, two])
        remove(journal, [one])
        removed = remove(journal, [two])
        compact_local(repo.git, journal, before=removed[0].updated)
        assert [item.name for item in restorable(repo.git, journal)] == ["two"]
        (restored,) = restore(repo.git, journal, [removed[0]])
        assert not restored.removed
    assert two.commit in local_content(repo).kept
    assert one.commit not in local_content(repo).kept


def test_a_journal_is_published_only_where_it_was_read(repo: Repository, tmp_path: Path) -> None:
    git("init", "--quiet", "--bare", tmp_path / "origin.git", cwd=tmp_path)
    git("remote", "add", "origin", "../origin.git", cwd=repo.root)
    journals = PublishedJournals(repo.git, "origin", "0123456789abcdef")
    assert journals.update_own() is None
    first = write_entries(repo.git, None, [made(repo, "one", "1" * 32)], keeps={}, logs={})
    journals.publish(first, before=None)
    assert journals.update_own() == first
    assert journals.tips() == {"0123456789abcdef": first}
    second = write_entries(repo.git, first, [made(repo, "two", "2" * 32)], keeps={}, logs={})
    for wrong in (None, CommitId(git("rev-parse", "HEAD", cwd=repo.root).strip())):
        with pytest.raises(RefMovedError):
            journals.publish(second, before=wrong)
    journals.publish(second, before=first)
    rewritten = write_entries(repo.git, None, [made(repo, "two", "2" * 32)], keeps={}, logs={})
    journals.publish(rewritten, before=second)
    run(repo.git, ["update-ref", "-d", journals.tracking_ref])
    assert journals.update_own() == rewritten

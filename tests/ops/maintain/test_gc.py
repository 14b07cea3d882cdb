"""gc through the library: what every place in Git holds on to stays, and the rest can be brought back."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest
from support import git
from workspaces import Project, write

from dver.core.errors import ConflictError, CorruptError, RepositoryError, UsageError
from dver.core.oid import Oid
from dver.ops.maintain.gc import GcReport, RestoreReport, forget, gc, restore
from dver.ops.quality.check_available import check_available
from dver.ops.setup import config
from dver.ops.track.remove import remove
from dver.store.trash.batch import open_batch
from dver.tracking.revision_scope import RevisionScope

DAY = 86_400


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.make(tmp_path / "repo")


def collect(project: Project, *, dry_run: bool = False, grace: int | None = None) -> GcReport:
    with project.opened() as repo:
        return gc(repo, dry_run=dry_run, grace=grace)


def bring_back(project: Project, name: str | None = None) -> RestoreReport:
    with project.opened() as repo:
        return restore(repo, name)


def fill(project: Project, text: str, *, large: bool = False) -> None:
    """A version of `data` of which no file is in another version."""
    shutil.rmtree(project.root / "data", ignore_errors=True)
    write(project.root, {f"data/d{n % 3}/f{n}": f"{text} {n}\n".encode() * 20 for n in range(12)})
    if large:
        write(project.root, {"data/large": text.encode() * 400_000})


def is_complete(project: Project, rev: str) -> bool:
    with project.opened() as repo:
        return not check_available(repo, cwd=project.root, scope=RevisionScope(rev), on_remote=False).absent


def forget_reflogs(project: Project) -> None:
    shutil.rmtree(project.root / ".git/logs", ignore_errors=True)
    (project.root / ".git/ORIG_HEAD").unlink(missing_ok=True)


@pytest.mark.parametrize("link", ["auto", "copy", "hardlink", "symlink"])
def test_what_no_commit_needs_goes_and_what_one_needs_stays(project: Project, link: str) -> None:
    config.set_setting(project.root, "cache.link", link, scope="local")
    fill(project, "one", large=True)
    first = project.save("data")
    fill(project, "lost", large=True)
    project.add("data")
    fill(project, "two", large=True)
    second = project.save("data")
    report = collect(project, grace=0)
    assert report.objects >= 12
    assert not report.trash
    assert collect(project, grace=0).objects == 0
    assert is_complete(project, first)
    assert is_complete(project, second)
    assert project.is_unchanged()
    assert not project.leftovers()
    project.switch(first)
    assert (project.root / "data/d0/f0").read_bytes() == b"one 0\n" * 20


def test_a_dry_run_changes_nothing_and_names_what_it_can(project: Project) -> None:
    fill(project, "kept")
    project.save("data")
    fill(project, "never committed")
    project.add("data")
    fill(project, "committed once")
    lost = project.save("data")
    project.git("reset", "--quiet", "--hard", "HEAD~1")
    project.checkout(force=True)
    forget_reflogs(project)
    before = sorted(project.store.rglob("*"))
    report = collect(project, dry_run=True)
    assert sorted(project.store.rglob("*")) == before
    assert report.dry_run
    assert report.objects == 2 * (12 + 4)
    named, unnamed = report.unreferenced
    assert (named.path, named.commit) == (b"data", lost)
    assert unnamed.path is None
    assert unnamed.names == (b"d0", b"d1", b"d2")
    assert report.reasons.commits == 3
    assert report.reasons.worktrees == report.reasons.clones == 1
    real = collect(project)
    assert (real.objects, real.size) == (report.objects, report.size)
    assert real.kept_objects == report.kept_objects == 12 + 4


def test_what_is_in_the_trash_is_brought_back(project: Project) -> None:
    fill(project, "one", large=True)
    first = project.save("data")
    project.git("reset", "--quiet", "--hard", "HEAD~1")
    project.checkout(force=True)
    forget_reflogs(project)
    (batch,) = collect(project).trash
    assert batch.expires == batch.made + 14 * DAY
    assert not is_complete(project, first)
    with pytest.raises(UsageError, match="nonsense"):
        bring_back(project, "nonsense")
    assert bring_back(project, batch.name).batches[0].size == batch.size
    assert is_complete(project, first)
    assert bring_back(project).batches == ()


def test_trash_is_deleted_once_it_is_older_than_the_grace_period(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(project, "lost")
    project.add("data")
    fill(project, "kept")
    project.save("data")
    assert collect(project).trash
    assert collect(project).deleted == ()
    later = time.time() + 14 * DAY + 5
    monkeypatch.setattr(time, "time", lambda: later)
    assert len(collect(project, dry_run=True).deleted) == 1
    assert len(collect(project).deleted) == 1
    assert collect(project).trash == ()
    assert not project.leftovers()


def test_the_grace_period_can_be_set(project: Project) -> None:
    config.set_setting(project.root, "gc.grace", "0d", scope="local")
    fill(project, "lost")
    project.add("data")
    fill(project, "kept")
    project.add("data")
    report = collect(project)
    assert report.objects
    assert report.deleted
    assert not report.trash


def test_uncommitted_and_staged_and_stashed_data_stays(project: Project) -> None:
    fill(project, "base")
    project.save("data")
    fill(project, "stashed")
    project.add("data")
    project.git("stash", "--quiet")
    project.checkout()
    fill(project, "staged")
    project.add("data")
    project.git("add", "data.dver")
    staged = project.git("write-tree").strip()
    fill(project, "on disk only")
    project.add("data")
    project.git("read-tree", staged)
    assert collect(project, grace=0).objects == 0
    assert project.is_unchanged()
    project.git("reset", "--quiet", "--hard")
    project.git("stash", "pop", "--quiet", "--index")
    assert not project.checkout(force=True).lost


def test_other_worktrees_and_projects_in_folders_count(project: Project, tmp_path: Path) -> None:
    fill(project, "one")
    project.save("data")
    git("worktree", "add", "--quiet", "--detach", tmp_path / "second", cwd=project.root)
    second = Project(tmp_path / "second")
    second.checkout()
    fill(second, "two")
    second.add("data")
    (project.root / "sub").mkdir()
    from dver.ops.track.init import init

    init(project.root / "sub")
    sub = Project(project.root / "sub")
    fill(sub, "three")
    sub.add("data")
    for one in (project, second, sub):
        assert collect(one, grace=0).objects == 0
    assert second.is_unchanged()


def test_it_refuses_what_cannot_be_read_and_moves_nothing(project: Project) -> None:
    fill(project, "lost")
    project.add("data")
    fill(project, "one")
    project.save("data")
    broken = project.root / ".git/refs/heads/broken"
    broken.write_text("1" * 40 + "\n")
    with pytest.raises(RepositoryError, match=r"history|broken"):
        collect(project, grace=0)
    broken.unlink()
    write(project.root, {"new.dver": b"version: 1\noid: nonsense\n"})
    with pytest.raises(RepositoryError, match=r"new\.dver"):
        collect(project, grace=0)
    write(project.root, {"new.dver": b"version: 99\noid: blake4:00\n"})
    with pytest.raises(RepositoryError) as caught:
        collect(project, grace=0)
    assert caught.value.fix == "upgrade dver"
    (project.root / "new.dver").unlink()
    assert not list((project.store / "trash").glob("2*"))
    assert collect(project).objects


def test_a_pointer_with_conflict_markers_keeps_all_that_it_names(project: Project) -> None:
    fill(project, "one")
    project.add("data")
    ours = (project.root / "data.dver").read_text()
    fill(project, "two")
    project.add("data")
    theirs = (project.root / "data.dver").read_text()
    fill(project, "three")
    project.add("data")
    conflict = f"<<<<<<< ours\n{ours}=======\n{theirs}>>>>>>> theirs\n"
    write(project.root, {"data.dver": conflict.encode()})
    assert collect(project, grace=0).objects == 0


def test_a_damaged_directory_stops_it(project: Project) -> None:
    fill(project, "one")
    project.save("data")
    for pack in (project.store / "packs").iterdir():
        content = bytearray(pack.read_bytes())
        content[-200] ^= 1
        pack.chmod(0o644)
        pack.write_bytes(content)
    (project.root / ".git/dver/index.db").unlink()
    with pytest.raises(CorruptError):
        collect(project, grace=0)


def test_files_that_are_links_into_the_store_keep_their_content(project: Project) -> None:
    config.set_setting(project.root, "cache.link", "symlink", scope="local")
    fill(project, "mine", large=True)
    project.add("data")
    with project.opened() as repo:
        remove(repo, ["data"], cwd=project.root)
    collect(project, grace=0)
    assert (project.root / "data/large").is_symlink()
    assert (project.root / "data/large").read_bytes() == b"mine" * 400_000


def test_clones_that_share_the_store_count_and_one_that_is_gone_stops_it(project: Project, tmp_path: Path) -> None:
    config.set_setting(project.root, "cache.dir", os.fspath(tmp_path / "shared"), scope="local")
    fill(project, "one")
    project.save("data")
    other = project.clone(tmp_path / "other")
    other.checkout()
    fill(other, "two")
    other.add("data")
    assert collect(project, grace=0).reasons.clones == 2
    assert collect(project, grace=0).objects == 0
    assert other.is_unchanged()
    (tmp_path / "other").rename(tmp_path / "moved")
    with pytest.raises(RepositoryError, match="other") as caught:
        collect(project, grace=0)
    assert caught.value.fix
    assert "--forget" in caught.value.fix
    with project.opened() as repo:
        with pytest.raises(UsageError):
            forget(repo, "nonsense", cwd=tmp_path)
        assert forget(repo, "other", cwd=tmp_path) == 1
    assert collect(project, grace=0).objects


def test_a_second_gc_at_the_same_time_is_refused(project: Project) -> None:
    fill(project, "one")
    project.add("data")
    with project.opened() as repo, open_batch(repo.store), pytest.raises(ConflictError):
        collect(project)


def test_an_add_beside_a_gc_that_deletes_at_once_begins_again(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dver.workspace import add

    fill(project, "one", large=True)
    calls = []
    take = add.scan_requests

    def take_and_sweep(*args: object, **named: object) -> object:
        found = take(*args, **named)
        if not calls:
            calls.append(collect(project, grace=0))
        return found

    monkeypatch.setattr(add, "scan_requests", take_and_sweep)
    project.add("data")
    assert calls[0].objects
    assert is_complete(project, project.commit())


def test_an_add_beside_a_gc_takes_back_what_that_took(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    from dver.workspace import add

    fill(project, "one")
    record = add._record

    def sweep_and_record(*args: object) -> None:
        collect(project)
        record(*args)

    monkeypatch.setattr(add, "_record", sweep_and_record)
    project.add("data")
    assert is_complete(project, project.commit())


def test_oids_of_pointers_are_found_whatever_their_kind(project: Project) -> None:
    write(project.root, {"file": b"content"})
    project.add("file")
    assert collect(project, grace=0).objects == 0
    with project.opened() as repo:
        assert Oid.of(b"content") in repo.store

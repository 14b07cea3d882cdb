"""`dver checkout`: unsaved work, branches, missing and damaged objects, and what a stranger's repository may try."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import zstandard
from support import Run, git, make_git_repo
from workspaces import Project, count_calls, listing, write

import dver.workspace.files.apply
import dver.workspace.state.placed
from dver.core.errors import CorruptError, MissingObjectError, UsageError
from dver.core.oid import Oid
from dver.formats import pointer as pointer_format
from dver.formats import tree
from dver.formats.pack import Codec, ObjectKind
from dver.formats.pointer import Pointer
from dver.formats.tree import Entry, Kind
from dver.store.objects.database import Database
from dver.store.objects.file_creation import ScratchDirectory
from dver.store.objects.loose import can_reflink
from dver.store.objects.packs import PackWriter
from dver.workspace.checkout.restore import CheckoutSummary
from dver.workspace.files.checkout_plan import KeepReason, KeptPath
from dver.workspace.files.file_writer import FileWriter, WrittenFiles

V1 = {"data/same": b"same", "data/edited": b"one", "data/gone": b"gone", "data/sub/deep": b"deep"}
V2 = {"data/same": b"same", "data/edited": b"three", "data/new": b"new", "data/sub/deep": b"deeper"}


def set_data(project: Project, files: dict[str, bytes]) -> None:
    shutil.rmtree(project.root / "data", ignore_errors=True)
    write(project.root, files)


def flat(files: dict[str, bytes]) -> dict[str, bytes]:
    return {name.removeprefix("data/"): content for name, content in files.items()}


def contents(project: Project, path: str = "data") -> dict[str, bytes]:
    return {os.fsdecode(name): found[1] for name, found in project.ls(path).items() if found[0] != "directory"}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project with two tagged versions of `data`; the second one is checked out."""
    made = Project.make(tmp_path / "repo")
    for name, version in (("v1", V1), ("v2", V2)):
        set_data(made, version)
        made.save("data", message=name)
        made.git("tag", name)
    return made


# -- many single files


@pytest.mark.parametrize("edited", [False, True], ids=["created", "replaced"])
def test_many_single_files_cost_hardly_more_than_one(
    project: Project, monkeypatch: pytest.MonkeyPatch, *, edited: bool
) -> None:
    """Counted, since times depend on the machine."""
    counted_calls = (
        (subprocess, "run", "git"),
        (Database, "_commit", "commits"),
        (Database, "rows", "queries"),
        (os, "mkdir", "directories"),
        (os, "rmdir", "directories"),
        (os, "fsync", "fsyncs"),
        (dver.workspace.state.placed, "write_placed", "notes"),
    )
    counts: list[dict[str, int]] = []
    for number in (1, 40):
        paths = [f"many{number}/{n}.bin" for n in range(number)]
        write(project.root, {path: b"old %d" % n for n, path in enumerate(paths)})
        project.save(*paths)
        for path in paths:
            (project.root / path).unlink()
        if edited:
            write(project.root, {path: b"new %d" % n for n, path in enumerate(paths)})
        counted = {key: 0 for _, _, key in counted_calls}
        with monkeypatch.context() as patched:
            for owner, name, key in counted_calls:
                count_calls(patched, owner, name, counted, key)
            done = project.checkout(f"many{number}", force=edited)
        assert (done.created, done.updated) == ((0, number) if edited else (number, 0))
        assert [(project.root / path).read_bytes() for path in paths] == [b"old %d" % n for n in range(number)]
        counts.append(counted)
    queries = [counted.pop("queries") for counted in counts]
    assert counts[1] == counts[0]
    assert queries[1] <= queries[0] + 40


def test_work_saved_while_many_files_are_checked_out_is_kept(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each file is looked at right before it is replaced, though all of them are made first."""
    paths = [f"many/{n}.bin" for n in range(4)]
    for version in (b"old", b"new"):
        write(project.root, dict.fromkeys(paths, version))
        project.save(*paths)
    make = FileWriter.make

    def edit_meanwhile(maker: FileWriter, entries: Sequence[Entry]) -> WrittenFiles:
        made = make(maker, entries)
        write(project.root, {paths[2]: b"edited"})
        return made

    monkeypatch.setattr(FileWriter, "make", edit_meanwhile)
    done = project.checkout("many", rev="HEAD~1")
    assert done.kept == (KeptPath(paths[2].encode(), KeepReason.EDITED),)
    assert done.updated == 3
    assert [(project.root / path).read_bytes() for path in paths] == [b"old", b"old", b"edited", b"old"]
    assert project.leftovers() == []


def test_many_files_are_made_in_batches(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk needs room for one batch beside what it replaces. What cannot be made in one stops no other."""
    monkeypatch.setattr(dver.workspace.files.apply, "_BATCH", 10)
    paths = [f"many/{n}.bin" for n in range(5)]
    write(project.root, {path: b"%05d" % n for n, path in enumerate(paths)})
    project.save(*paths)
    shutil.rmtree(project.root / "many")
    project.git("checkout", "many")
    sizes: list[int] = []
    make = FileWriter.make

    def fail_once(maker: FileWriter, entries: Sequence[Entry]) -> WrittenFiles:
        sizes.append(len(entries))
        made = make(maker, entries)
        if len(sizes) == 2:
            del made.keys[entries[0].name]
            made.failures.append((entries[0], CorruptError("object is corrupt")))
        return made

    monkeypatch.setattr(FileWriter, "make", fail_once)
    done = project.checkout("many")
    assert sizes == [2, 2, 1]
    assert [(lost.path, lost.entry.name) for lost in done.lost] == [(b"many/2.bin", b"2.bin")]
    assert done.created == 4


# -- versions


def test_data_follows_the_pointers_there_and_back(project: Project) -> None:
    for rev, version in (("v1", V1), ("v2", V2), ("v1", V1)):
        restored = project.switch(rev)
        assert restored.kept == restored.lost == ()
        assert contents(project) == flat(version)
        assert project.is_unchanged()
    assert project.checkout() == CheckoutSummary(0, 0, 0, (), ())


def test_the_summary_counts_files(project: Project) -> None:
    restored = project.switch("v1")
    assert (restored.created, restored.updated, restored.removed) == (1, 2, 1)


def test_a_large_file_that_was_just_written_is_known_without_being_read_again(project: Project) -> None:
    write(project.root, {"data/large": bytes(17 << 20)})
    project.save("data")
    shutil.rmtree(project.root / "data")
    with project.opened() as repo:
        repo.database.write("DELETE FROM directories", [()])
    project.checkout()
    with project.opened() as repo:
        assert repo.workspace.stat_cache.get(os.fsencode(project.root / "data")) is not None


def test_files_that_do_not_change_are_not_touched(project: Project) -> None:
    before = (project.root / "data/same").stat()
    project.switch("v1")
    after = (project.root / "data/same").stat()
    assert (before.st_ino, before.st_mtime_ns, before.st_ctime_ns) == (
        after.st_ino,
        after.st_mtime_ns,
        after.st_ctime_ns,
    )


def test_a_revision_brings_back_data_and_pointer_byte_for_byte_and_leaves_head(project: Project, run: Run) -> None:
    pointer = project.root / "data.dver"
    pointer.write_text("# by hand\ndesc: the second\n" + pointer.read_text() + "meta: {a: 1}\n")
    project.git("commit", "--quiet", "-am", "Describe")
    described = pointer.read_bytes()
    head = project.git("rev-parse", "HEAD")
    run("checkout", "v1", "data", cwd=project.root)
    assert contents(project) == flat(V1)
    assert pointer.read_text() == project.git("show", "v1:data.dver")
    assert project.git("rev-parse", "HEAD") == head
    assert project.git("status", "--porcelain") == "M  data.dver\n"
    run("checkout", "HEAD", "data", cwd=project.root)
    assert pointer.read_bytes() == described
    assert project.git("status", "--porcelain") == ""


def test_a_revision_can_be_written_elsewhere_and_the_workspace_stays(
    project: Project, tmp_path: Path, run: Run
) -> None:
    before = listing(project.root / "data"), project.git("status", "--porcelain")
    run("checkout", "v1", "data", "--to", tmp_path / "old", cwd=project.root)
    assert {os.fsdecode(n): c[1] for n, c in listing(tmp_path / "old/data").items() if c[0] == "file"} == flat(V1)
    assert (listing(project.root / "data"), project.git("status", "--porcelain")) == before
    run("checkout", "v1", "data/sub/deep", "--to", tmp_path / "part", cwd=project.root)
    assert list(listing(tmp_path / "part")) == [b"data", b"data/sub", b"data/sub/deep"]


def test_writing_elsewhere_overwrites_nothing(project: Project, tmp_path: Path, run: Run) -> None:
    write(tmp_path / "old", {"data/edited": b"somebody else's", "data/other": b"x"})
    run("checkout", "v1", "data", "--to", tmp_path / "old", cwd=project.root, rc=4)
    assert (tmp_path / "old/data/edited").read_bytes() == b"somebody else's"
    assert (tmp_path / "old/data/gone").read_bytes() == b"gone"


def test_one_file_or_subfolder_of_a_revision_is_restored_alone(project: Project) -> None:
    project.checkout("data/sub", "data/gone", rev="v1")
    assert contents(project) == {**flat(V2), "sub/deep": b"deep", "gone": b"gone"}


# -- unsaved work


def test_unsaved_changes_are_kept_and_the_rest_is_brought_up_to_date(project: Project, run: Run) -> None:
    write(project.root, {"data/edited": b"my work", "data/mine": b"also mine"})
    project.git("checkout", "--quiet", "v1")
    result = run("checkout", cwd=project.root, rc=4)
    for word in ("data/edited", "modified", "dver add", "--force"):
        assert word in result.out + result.err
    assert contents(project) == {**flat(V1), "edited": b"my work", "mine": b"also mine"}
    run("checkout", "--force", cwd=project.root)
    assert contents(project) == flat(V1)


def test_work_in_a_file_that_the_new_version_does_not_have_is_kept(project: Project) -> None:
    write(project.root, {"data/new": b"better"})
    restored = project.switch("v1")
    assert restored.kept == (KeptPath(b"data/new", KeepReason.MODIFIED, diverged=True),)
    assert contents(project) == {**flat(V1), "new": b"better"}


def test_a_new_file_where_another_should_be_is_kept(project: Project) -> None:
    write(project.root, {"data/gone": b"mine now"})
    restored = project.switch("v1")
    assert [kept.path for kept in restored.kept] == [b"data/gone"]
    assert contents(project)["gone"] == b"mine now"


def test_work_that_is_saved_needs_no_force(project: Project) -> None:
    write(project.root, {"data/edited": b"my work"})
    project.add("data")
    project.git("reset", "--quiet", "--hard")
    assert project.checkout().kept == ()
    assert contents(project) == flat(V2)


def test_an_ignored_file_in_the_way_is_never_overwritten_unseen(project: Project) -> None:
    (project.root / ".dverignore").write_text("gone\nnow/\n")
    write(project.root, {"data/gone": b"mine, and ignored"})
    restored = project.switch("v1")
    assert restored.kept == (KeptPath(b"data/gone", KeepReason.IN_THE_WAY, diverged=True),)
    assert contents(project)["gone"] == b"mine, and ignored"
    project.checkout(force=True)
    assert contents(project)["gone"] == b"gone"


def test_an_ignored_directory_in_the_way_of_a_file_stays(project: Project) -> None:
    (project.root / ".dverignore").write_text("*.log\n")
    set_data(project, {"data/thing": b"a file"})
    project.save("data", message="thing")
    project.git("tag", "file")
    (project.root / "data/thing").unlink()
    write(project.root, {"data/thing/inside": b"x"})
    project.save("data", message="folder")
    write(project.root, {"data/thing/run.log": b"ignored"})
    restored = project.switch("file")
    assert restored.kept == (KeptPath(b"data/thing", KeepReason.IN_THE_WAY, diverged=True),)
    assert contents(project) == {"thing/run.log": b"ignored"}


# -- branches without the data


@pytest.fixture
def branched(project: Project) -> Project:
    """The branch `none` has no data; `main` has it, with an empty directory."""
    (project.root / "data/empty/within").mkdir(parents=True)
    project.save("data", message="an empty directory")
    project.git("checkout", "--quiet", "-b", "none")
    project.git("rm", "--quiet", "data.dver")
    (project.root / ".gitignore").unlink()
    project.git("commit", "--quiet", "-am", "No data")
    project.git("checkout", "--quiet", "main")
    return project


def test_a_branch_without_the_data_removes_it_and_its_directories(branched: Project) -> None:
    assert branched.switch("none").kept == ()
    assert not (branched.root / "data").exists()
    assert branched.git("status", "--porcelain") == ""
    assert branched.switch("main").kept == ()
    assert contents(branched) == flat(V2)
    assert (branched.root / "data/empty/within").is_dir()


def test_a_branch_without_the_data_keeps_unsaved_work(branched: Project) -> None:
    write(branched.root, {"data/edited": b"my work", "data/sub/mine": b"new"})
    restored = branched.switch("none")
    assert {kept.path for kept in restored.kept} == {b"data/edited", b"data/sub/mine"}
    assert contents(branched) == {"edited": b"my work", "sub/mine": b"new"}


def test_a_branch_that_has_the_data_in_git_keeps_it(branched: Project) -> None:
    branched.git("checkout", "--quiet", "none")
    branched.checkout()
    write(branched.root, V2)
    branched.git("add", "--force", "data")
    branched.git("commit", "--quiet", "-m", "Data in Git")
    branched.switch("main")
    branched.git("checkout", "--quiet", "--force", "none")
    branched.checkout()
    assert contents(branched) == flat(V2)
    assert branched.git("status", "--porcelain") == ""


def test_data_that_was_put_here_in_part_goes_with_its_branch(branched: Project, tmp_path: Path) -> None:
    clone = branched.clone(tmp_path / "clone")
    clone.git("fetch", "--quiet", "origin", "none:none")
    clone.checkout("data/sub/deep")
    assert contents(clone) == {"sub/deep": b"deeper"}
    clone.switch("none")
    assert not (clone.root / "data").exists()


def test_data_follows_merge_rebase_amend_stash_and_a_detached_head(project: Project) -> None:
    project.git("checkout", "--quiet", "-b", "side", "v1")
    write(project.root, {"code.py": b"pass\n"})
    project.git("add", "code.py")
    project.commit("Code")
    project.git("checkout", "--quiet", "main")
    project.git("merge", "--quiet", "--no-edit", "side")
    project.checkout()
    assert contents(project) == flat(V2)
    project.git("checkout", "--quiet", "side")
    project.checkout()
    assert contents(project) == flat(V1)
    project.git("rebase", "--quiet", "main")
    project.checkout()
    assert contents(project) == flat(V2)
    write(project.root, {"data/more": b"more"})
    project.add("data")
    project.git("stash", "--quiet")
    project.checkout()
    assert "more" not in contents(project)
    project.git("stash", "pop", "--quiet", "--index")
    project.checkout()
    assert contents(project)["more"] == b"more"
    project.git("commit", "--quiet", "--amend", "-m", "More")
    assert project.is_unchanged()
    assert project.switch("v1^0").kept == ()
    assert contents(project) == flat(V1)


# -- other places


def test_a_worktree_has_the_same_store_and_its_own_data(project: Project, tmp_path: Path) -> None:
    project.git("worktree", "add", "--quiet", tmp_path / "other", "v1")
    other = Project(tmp_path / "other")
    assert other.checkout().lost == ()
    assert contents(other) == flat(V1)
    assert contents(project) == flat(V2)
    assert other.store == project.store
    assert project.is_unchanged()
    write(other.root, {"data/more": b"more"})
    other.add("data")
    other.git("checkout", "--quiet", "-b", "branch")
    other.commit("More")
    project.switch("branch^0")
    assert contents(project)["more"] == b"more"


def test_data_in_a_submodule_is_its_own_project(project: Project, tmp_path: Path, run: Run) -> None:
    top = make_git_repo(tmp_path / "top")
    git("submodule", "--quiet", "add", project.root, "module", cwd=top)
    module = Project(top / "module")
    run("config", "set", "--local", "cache.dir", project.store, cwd=module.root)
    run("checkout", cwd=module.root)
    assert contents(module) == flat(V2)
    assert "not in a dver project" in run("status", cwd=top, rc=3).err


@pytest.mark.parametrize("mode", ["copy", "auto", "reflink", "hardlink", "symlink"])
def test_every_way_of_linking_gives_the_same_content(mode: str, tmp_path: Path, run: Run) -> None:
    project = Project.make(tmp_path / "repo")
    run("config", "set", "--local", "cache.link", mode, cwd=project.root)
    large = os.urandom(1_500_000)
    write(project.root, {"data/large": large, "data/copy": large, "data/tool": large[1:], "data/small": b"x"})
    (project.root / "data/tool").chmod(0o755)
    project.save("data")
    assert project.is_unchanged()

    clone = project.clone(tmp_path / "clone")
    run("config", "set", "--local", "cache.link", mode, cwd=clone.root)
    assert clone.checkout().lost == ()
    for path in (project.root / "data", clone.root / "data"):
        assert (path / "large").read_bytes() == (path / "copy").read_bytes() == large
        assert (path / "tool").read_bytes() == large[1:]
        assert os.access(path / "tool", os.X_OK)
    assert clone.is_unchanged()
    file = clone.root / "data/large"
    assert file.is_symlink() is (mode == "symlink")
    assert (file.stat().st_nlink > 1) is (mode == "hardlink")
    if mode in ("hardlink", "symlink"):
        assert not file.stat().st_mode & 0o222
    else:
        with file.open("r+b") as opened:
            opened.write(b"edited")
        assert (project.root / "data/large").read_bytes() == large
    shutil.rmtree(clone.root / "data")
    clone.checkout(force=True)
    assert file.read_bytes() == large


def test_where_the_disk_can_reflink_large_files_share_their_blocks(tmp_path: Path) -> None:
    project = Project.make(tmp_path / "repo")
    write(project.root, {"data/large": os.urandom(2_000_000)})
    project.add("data")
    with project.opened() as repo:
        loose = list(repo.store.loose.all())
    assert bool(loose) is can_reflink(ScratchDirectory(tmp_path))


def test_a_linked_file_whose_object_is_gone_is_told_and_never_recorded(tmp_path: Path, run: Run) -> None:
    project = Project.make(tmp_path / "repo")
    run("config", "set", "--local", "cache.link", "symlink", cwd=project.root)
    write(project.root, {"data/large": os.urandom(1_500_000), "data/small": b"x"})
    project.save("data")
    shutil.rmtree(project.store / "loose")
    run("status", cwd=project.root)
    (project.root / "data/small").write_bytes(b"changed")
    with pytest.raises(MissingObjectError, match="data/large"):
        project.add("data")


# -- missing and damaged


def packs_of(project: Project) -> list[Path]:
    return sorted((project.store / "packs").iterdir())


def test_missing_objects_are_listed_with_the_remedy_and_all_else_is_restored(tmp_path: Path, run: Run) -> None:
    project = Project.make(tmp_path / "repo")
    write(project.root, {"data/a": b"a", "data/b": b"b", "other": b"o"})
    project.add("data")
    (first,) = packs_of(project)
    write(project.root, {"data/c": b"c", "data/d/e": b"e"})
    project.add("data", "other")
    project.commit()
    before = contents(project)
    shutil.rmtree(project.root / "data")
    (project.root / "other").unlink()
    first.rename(tmp_path / "kept.pack")
    result = run("checkout", cwd=project.root, rc=5)
    text = result.out + result.err
    assert "data/a" in text
    assert "data/b" in text
    assert "dver pull" in text
    assert contents(project) == {"c": b"c", "d/e": b"e"}
    assert (project.root / "other").exists()
    (tmp_path / "kept.pack").rename(first)
    assert project.checkout().lost == ()
    assert contents(project) == before


def test_a_directory_that_is_not_known_does_not_appear_as_an_empty_one(project: Project) -> None:
    shutil.rmtree(project.root / "data")
    shutil.rmtree(project.store / "packs")
    restored = project.checkout()
    assert [lost.path for lost in restored.lost] == [b"data"]
    assert restored.created == 0
    assert not (project.root / "data").exists()


def test_a_clone_without_the_objects_says_what_to_do(project: Project, tmp_path: Path, run: Run) -> None:
    clone = project.clone(tmp_path / "clone", share=False)
    result = run("checkout", cwd=clone.root, rc=5)
    assert "dver pull" in result.err
    shown = run("status", cwd=clone.root).out
    assert "Not in the workspace (`dver pull`):\n  data\n" in shown
    assert "dver checkout" not in shown
    assert "dver fetch" not in shown


def test_deleted_data_that_the_store_has_is_checked_out_and_data_that_only_the_workspace_has_is_fetched(
    project: Project, run: Run
) -> None:
    shutil.rmtree(project.root / "data")
    assert run("status", cwd=project.root).out.startswith("Not in the workspace (`dver checkout`):\n  data\n")
    run("checkout", cwd=project.root)
    shutil.rmtree(project.store / "packs")
    assert "Not in the store (`dver fetch`):\n  data\n" in run("status", cwd=project.root).out


def overwrite(path: Path, at: int, content: bytes) -> None:
    path.chmod(0o644)
    with path.open("r+b") as file:
        file.seek(at)
        file.write(content)
    path.chmod(0o444)


def flip(path: Path, at: int) -> None:
    overwrite(path, at, bytes((path.read_bytes()[at] ^ 1,)))


def zeros(path: Path, at: int) -> None:
    overwrite(path, 0, bytes(path.stat().st_size))


def truncate(path: Path, at: int) -> None:
    path.chmod(0o644)
    os.truncate(path, at)
    path.chmod(0o444)


@pytest.mark.parametrize("damage", [flip, zeros, truncate])
@pytest.mark.parametrize("rebuild", [False, True], ids=["known", "rebuilt"])
def test_a_damaged_pack_is_noticed_and_never_delivered(damage, rebuild: bool, tmp_path: Path, run: Run) -> None:
    project = Project.make(tmp_path / "repo")
    write(project.root, {f"data/f{number:03}": b"%d " % number * 300 for number in range(40)})
    project.add("data")
    (first,) = packs_of(project)
    write(project.root, {"data/g": b"good", "data/sub/h": b"too"})
    project.add("data")
    project.commit()
    before = contents(project)
    shutil.rmtree(project.root / "data")
    damage(first, 16 + 60 + 5)
    if rebuild:
        for path in (project.root / ".git/dver").glob("index.db*"):
            path.unlink()
    result = run("checkout", cwd=project.root, rc=6)
    assert "damaged" in result.err
    after = contents(project)
    assert after.items() <= before.items(), "nothing wrong is delivered"
    assert {"g", "sub/h"} <= after.keys(), "everything else is"
    if damage is flip:
        assert len(after) == len(before) - 1
    run("checkout", cwd=project.root, rc=6)
    assert project.leftovers() == []


@pytest.mark.parametrize("damage", [flip, zeros, truncate])
@pytest.mark.parametrize("mode", ["copy", "hardlink", "symlink", "auto"])
def test_a_damaged_loose_blob_is_noticed_and_never_delivered(damage, mode: str, tmp_path: Path, run: Run) -> None:
    project = Project.make(tmp_path / "repo")
    run("config", "set", "--local", "cache.link", "symlink", cwd=project.root)
    large = os.urandom(1_500_000)
    write(project.root, {"data/large": large, "data/small": b"x"})
    project.save("data")
    with project.opened() as repo:
        (oid,) = repo.store.loose.all()
        loose = repo.store.loose.path(oid)
    shutil.rmtree(project.root / "data")
    damage(loose, 1_000_000)
    run("config", "set", "--local", "cache.link", mode, cwd=project.root)
    result = run("checkout", cwd=project.root, rc=6)
    assert "data/large" in result.err
    assert contents(project) == {"small": b"x"}


def test_a_damaged_large_frame_is_noticed_and_never_delivered(tmp_path: Path, run: Run) -> None:
    project = Project.make(tmp_path / "repo")
    run("config", "set", "--local", "cache.link", "copy", cwd=project.root)
    write(project.root, {"data/large": os.urandom(9_000_000), "data/small": b"x"})
    project.save("data")
    largest = max(packs_of(project), key=lambda path: path.stat().st_size)
    flip(largest, 5_000_000)
    shutil.rmtree(project.root / "data")
    run("checkout", cwd=project.root, rc=6)
    assert contents(project) == {"small": b"x"}
    assert project.leftovers() == []


def test_a_version_that_cannot_be_had_does_not_replace_the_one_that_is_here(tmp_path: Path) -> None:
    project = Project.make(tmp_path / "repo")
    write(project.root, V1)
    first = project.save("data")
    (old,) = packs_of(project)
    write(project.root, V2)
    project.save("data")
    before = contents(project)
    zeros(old, 0)
    with project.opened() as repo:
        edited = repo.store.locate([Oid.of(V1["data/edited"])])
    assert edited
    restored = project.switch(first)
    assert contents(project) == before
    assert [(lost.path, type(lost.error)) for lost in restored.lost] == [(b"data", CorruptError)]


# -- a stranger's repository


class Stranger:
    """Makes a repository as no dver would: any object, any pointer."""

    def __init__(self, root: Path) -> None:
        self.project = Project.make(root)

    def objects(self, *contents: tuple[ObjectKind, bytes]) -> list[Oid]:
        return [self.lying(Oid.of(content), kind, Codec.RAW, len(content), content) for kind, content in contents]

    def lying(self, oid: Oid, kind: ObjectKind, codec: Codec, raw_size: int, payload: bytes) -> Oid:
        with self.project.opened() as repo, PackWriter(repo.store.scratch) as pack:
            pack.add(oid, kind, codec, raw_size, payload)
            repo.store.packs.mkdir(parents=True, exist_ok=True)
            pack.move_to(repo.store.packs, pack.seal())
        return oid

    def tree(self, *entries: Entry) -> Oid:
        return self.objects((ObjectKind.TREE, tree.encode_leaf(sorted(entries))))[0]

    def point(self, oid: Oid, name: str = "data.dver", *, kind: ObjectKind = ObjectKind.TREE, size: int = 5) -> None:
        path = self.project.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(pointer_format.encode(Pointer(kind, oid, size)))


@pytest.fixture
def stranger(tmp_path: Path) -> Stranger:
    return Stranger(tmp_path / "evil/repo")


EVIL = b"#!/bin/sh\ntouch pwned\n"


def files_around(stranger: Stranger) -> set[bytes]:
    return {name for name in listing(stranger.project.root.parent) if b".git/" not in name or b"hooks" in name}


@pytest.mark.parametrize("name", [b"..", b".", b".git", b".GIT", b"GIT~1", b"a/b", b"/tmp/x", b"a\0b", b""])
def test_tree_entries_that_lead_elsewhere_are_refused_and_nothing_is_written(
    name: bytes, stranger: Stranger, run: Run
) -> None:
    (blob,) = stranger.objects((ObjectKind.BLOB, EVIL))
    below = stranger.tree(Entry(b"post-checkout", Kind.EXECUTABLE, blob, len(EVIL)))
    stranger.point(stranger.tree(Entry(name, Kind.DIRECTORY, below, len(EVIL)), Entry(b"good", Kind.FILE, blob, 5)))
    before = files_around(stranger)
    result = run("checkout", cwd=stranger.project.root, rc=6)
    assert "internal" not in result.err
    assert files_around(stranger) == before


@pytest.mark.parametrize("name", [".git.dver", "...dver", "sub/...dver", ".GIT.dver", "sub/.git.dver", ".dver.dver"])
def test_pointers_whose_data_would_be_gits_or_outside_are_refused(name: str, stranger: Stranger, run: Run) -> None:
    (blob,) = stranger.objects((ObjectKind.BLOB, EVIL))
    hooks = stranger.tree(Entry(b"post-checkout", Kind.EXECUTABLE, blob, len(EVIL)))
    stranger.point(stranger.tree(Entry(b"hooks", Kind.DIRECTORY, hooks, len(EVIL))), name)
    before = files_around(stranger)
    for command in (["checkout"], ["checkout", "--force"], ["status"], ["add", "-u"], ["pull"]):
        result = run(*command, cwd=stranger.project.root, rc=6)
        assert os.path.basename(name) in result.err
    stranger.project.git("add", "--force", name)
    stranger.project.commit()
    run("checkout", "HEAD", cwd=stranger.project.root, rc=6)
    assert files_around(stranger) == before


def test_data_is_not_written_through_a_link_that_git_checked_out(stranger: Stranger, tmp_path: Path) -> None:
    (blob,) = stranger.objects((ObjectKind.BLOB, EVIL))
    stranger.point(blob, "folder/file.dver", kind=ObjectKind.BLOB)
    stranger.project.git("add", "folder/file.dver")
    rev = stranger.project.commit()
    shutil.rmtree(stranger.project.root / "folder")
    (tmp_path / "outside").mkdir()
    (stranger.project.root / "folder").symlink_to(tmp_path / "outside")
    with pytest.raises(UsageError, match="below"):
        stranger.project.checkout(rev=rev)
    assert os.listdir(tmp_path / "outside") == []


def test_data_is_not_written_through_a_link_inside_of_the_data(project: Project, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    shutil.rmtree(project.root / "data/sub")
    (project.root / "data/sub").symlink_to(tmp_path / "outside")
    with pytest.raises(UsageError):
        project.checkout("data/sub/deep", force=True)
    restored = project.checkout()
    assert [kept.path for kept in restored.kept] == [b"data/sub"]
    project.checkout(force=True)
    assert contents(project) == flat(V2)
    assert os.listdir(tmp_path / "outside") == []


@pytest.mark.parametrize("target", [b"", b"x" * 5000, b"a\0b", b"y" * 9_000_000], ids=["empty", "long", "zero", "huge"])
def test_links_whose_target_is_none_are_refused_and_the_rest_is_restored(target: bytes, stranger: Stranger) -> None:
    link, good = stranger.objects((ObjectKind.BLOB, target), (ObjectKind.BLOB, b"good"))
    stranger.point(stranger.tree(Entry(b"link", Kind.SYMLINK, link, 5), Entry(b"good", Kind.FILE, good, 4)))
    restored = stranger.project.checkout()
    assert [lost.path for lost in restored.lost] == [b"data/link"]
    assert isinstance(restored.lost[0].error, CorruptError)
    assert contents(stranger.project) == {"good": b"good"}


def bomb(size: int) -> tuple[Oid, bytes]:
    """Zeros, compressed, and their oid."""
    raw = bytes(size)
    return Oid.of(raw), zstandard.compress(raw, 19)


def lies() -> Sequence[object]:
    oid, packed = bomb(200_000_000)
    small = zstandard.compress(b"x" * 1000)
    return [
        pytest.param(oid, Codec.ZSTD, 10, packed, id="says it is small"),
        pytest.param(Oid.of(b"x" * 1000), Codec.ZSTD, 2**62, small, id="says it is huge"),
        pytest.param(Oid.of(b"x" * 1000), Codec.ZSTD, 999, small, id="off by one"),
        pytest.param(Oid.of(b"x" * 1000), Codec.ZSTD, 1000, b"not zstd at all", id="no zstd"),
        pytest.param(Oid.of(b"x" * 1000), Codec.ZSTD, 1000, small[:-3], id="cut short"),
        pytest.param(Oid.of(b"other"), Codec.RAW, 5, b"wrong", id="other content"),
    ]


@pytest.mark.parametrize(("oid", "codec", "raw_size", "payload"), lies())
@pytest.mark.parametrize("kind", [Kind.FILE, Kind.DIRECTORY, Kind.SYMLINK])
def test_packs_that_lie_about_sizes_are_noticed_in_bounded_memory(
    oid: Oid, codec: Codec, raw_size: int, payload: bytes, kind: Kind, stranger: Stranger, run: Run
) -> None:
    (good,) = stranger.objects((ObjectKind.BLOB, b"good"))
    stranger.lying(oid, ObjectKind.BLOB, codec, raw_size, payload)
    stranger.point(stranger.tree(Entry(b"bad", kind, oid, 1000), Entry(b"good", Kind.FILE, good, 4)))
    result = run_limited(700, "checkout", cwd=stranger.project.root)
    assert result == 6
    assert contents(stranger.project) == {"good": b"good"}


def run_limited(megabytes: int, *args: str, cwd: Path) -> int:
    """The exit code of `dver ARGS...` in a process that gets no more memory than that."""
    limit = f"import resource, sys; resource.setrlimit(resource.RLIMIT_AS, ({megabytes} << 20,) * 2); "
    program = limit + "from dver.cli.main import main; sys.exit(main(sys.argv[1:]))"
    done = subprocess.run([sys.executable, "-c", program, *args], cwd=cwd, capture_output=True, timeout=120)
    assert b"internal" not in done.stderr, done.stderr
    assert b"memory" not in done.stderr, done.stderr
    return done.returncode


def test_an_honest_bomb_that_is_said_to_be_a_directory_is_refused_in_bounded_memory(stranger: Stranger) -> None:
    oid, packed = bomb(200_000_000)
    stranger.lying(oid, ObjectKind.TREE, Codec.ZSTD, 200_000_000, packed)
    stranger.point(stranger.tree(Entry(b"bad", Kind.DIRECTORY, oid, 5)))
    for command in ("checkout", "status", "diff", "pull"):
        assert run_limited(400, command, cwd=stranger.project.root) in (3, 6, 0), command


def test_directories_nested_without_end_are_a_clear_error(stranger: Stranger, run: Run) -> None:
    (blob,) = stranger.objects((ObjectKind.BLOB, b"deep"))
    entry = Entry(b"f", Kind.FILE, blob, 4)
    trees = []
    for _ in range(1500):
        content = tree.encode_leaf([entry])
        trees.append((ObjectKind.TREE, content))
        entry = Entry(b"d", Kind.DIRECTORY, Oid.of(content), 4, 1)
    with stranger.project.opened() as repo, PackWriter(repo.store.scratch) as pack:
        for kind, content in trees:
            pack.add(Oid.of(content), kind, Codec.RAW, len(content), content)
        pack.move_to(repo.store.packs, pack.seal())
    stranger.point(entry.oid)
    assert "nested" in run("checkout", cwd=stranger.project.root, rc=2).err
    assert stranger.project.leftovers() == []


def test_a_pointer_with_merge_markers_says_how_to_choose(project: Project, run: Run) -> None:
    text = (project.root / "data.dver").read_text()
    (project.root / "data.dver").write_text(f"<<<<<<< HEAD\n{text}=======\n{text}>>>>>>> other\n")
    result = run("checkout", cwd=project.root, rc=4)
    assert "dver resolve" in result.err
    assert contents(project) == flat(V2)


def test_a_pointer_that_is_none_is_named_with_the_way_to_restore_it(project: Project, run: Run) -> None:
    (project.root / "data.dver").write_text("rubbish: [\n")
    result = run("checkout", cwd=project.root, rc=6)
    assert "data.dver" in result.err
    assert "git checkout HEAD -- data.dver" in result.err


def test_a_pointer_that_was_committed_as_it_is_is_restored_from_an_older_version(project: Project, run: Run) -> None:
    good = (project.root / "data.dver").read_text()
    (project.root / "data.dver").write_text("rubbish: [\n")
    project.git("commit", "--quiet", "-am", "Rubbish")
    advice = run("checkout", cwd=project.root, rc=6).err.splitlines()[-1]
    assert "`git log --oneline -- data.dver` lists them" in advice
    older = project.git("log", "--format=%h", "--", "data.dver").split()[1]
    command = advice.partition("`git checkout COMMIT")[2].rstrip("`").split()
    project.git("checkout", older, *command)
    assert (project.root / "data.dver").read_text() == good
    run("checkout", cwd=project.root)

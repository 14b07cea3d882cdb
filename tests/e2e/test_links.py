"""Large files of the workspace that are links to the store, and what happens when `cache.link` changes."""

from __future__ import annotations

import mmap
import os
import random
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from support import Run, git, make_git_repo

BIG = random.Random(13).randbytes(2 << 20)
OTHER = random.Random(14).randbytes((2 << 20) + 5)


def make_project(run: Run, root: Path, link: str) -> Path:
    """A project with `data/big`, `data/sub/other`, `data/small` and `single`, all recorded and committed."""
    make_git_repo(root)
    run("init", cwd=root)
    run("config", "set", "cache.link", link, cwd=root)
    (root / "data/sub").mkdir(parents=True)
    (root / "data/big").write_bytes(BIG)
    (root / "data/sub/other").write_bytes(OTHER)
    (root / "data/small").write_text("small\n")
    (root / "single").write_bytes(BIG[::-1])
    run("add", "data", "single", cwd=root)
    git("commit", "-qam", "Data", cwd=root)
    return root


@pytest.fixture
def symlinked(run: Run, tmp_path: Path) -> Path:
    return make_project(run, tmp_path / "repo", "symlink")


def states(run: Run, root: Path) -> dict[str, str]:
    return {one["path"]: one["data"] for one in run("status", "--json", cwd=root).json["paths"]}


def pointers(root: Path) -> list[bytes]:
    return [(root / name).read_bytes() for name in ("data.dver", "single.dver")]


def edit(path: Path) -> None:
    """Write to the file behind a link, as root can, and others after a chmod."""
    target = Path(os.path.realpath(path))
    target.chmod(0o644)
    with target.open("ab") as file:
        file.write(b"edited")
    target.chmod(0o444)


# -- symbolic links


@pytest.mark.parametrize("how", ["mv", "cp -a"])
def test_links_of_a_moved_or_copied_clone_are_no_change_and_a_checkout_repairs_them(
    run: Run, symlinked: Path, tmp_path: Path, how: str
) -> None:
    before, new = pointers(symlinked), tmp_path / "new"
    subprocess.run([*how.split(), symlinked, new], check=True)
    assert set(states(run, new).values()) == {"unchanged"}
    told = run("status", cwd=new).out
    assert "Links into another store (`dver checkout` recreates them):\n  data/big\n  data/sub/other\n" in told
    run("add", "-u", cwd=new)
    assert pointers(new) == before
    assert git("status", "--porcelain", cwd=new) == ""
    run("checkout", cwd=new)
    shutil.rmtree(symlinked, ignore_errors=True)
    assert (new / "data/big").is_symlink()
    assert (new / "data/big").read_bytes() == BIG
    assert (new / "data/sub/other").read_bytes() == OTHER
    assert (new / "single").read_bytes() == BIG[::-1]
    assert "data is clean" in run("status", cwd=new).out
    assert "another store" not in run("status", cwd=new).out


def test_gc_keeps_what_links_of_a_moved_clone_lead_to(run: Run, symlinked: Path, tmp_path: Path) -> None:
    new = symlinked.rename(tmp_path / "new")
    run("remove", "single", cwd=new)
    git("commit", "-qam", "Remove", cwd=new)
    git("reflog", "expire", "--expire=now", "--all", cwd=new)
    git("update-ref", "HEAD", git("commit-tree", "-m", "New", "HEAD^{tree}", cwd=new).strip(), cwd=new)
    git("reflog", "expire", "--expire=now", "--all", cwd=new)
    run("gc", "--grace", "0d", cwd=new)
    run("checkout", "--relink", cwd=new)
    assert (new / "data/big").read_bytes() == BIG


@pytest.mark.parametrize("cache", ["warm", "cold"])
@pytest.mark.parametrize("path", ["data/big", "single"])
def test_an_edit_through_a_link_is_a_change_and_is_never_recorded_unseen(
    run: Run, symlinked: Path, path: str, cache: str
) -> None:
    before, tracked = pointers(symlinked), path.partition("/")[0]
    edit(symlinked / path)
    if cache == "cold":
        (symlinked / ".git/dver/index.db").unlink()
    assert states(run, symlinked)[tracked] == "modified"
    for command in (["add", "-u"], ["add", tracked]):
        refused = run(*command, cwd=symlinked, rc=6)
        assert "was edited through its link to the store" in refused.err
        assert "dver unlock" in refused.err
    assert pointers(symlinked) == before
    run("unlock", path, cwd=symlinked)
    run("add", "-u", cwd=symlinked)
    listed = run("ls", "--json", tracked, cwd=symlinked).json
    assert {one["path"]: one["size"] for one in listed}[path] == len(BIG) + 6
    assert states(run, symlinked)[tracked] == "unchanged"
    run("fsck", cwd=symlinked, rc=6)


def test_an_export_has_no_links_into_the_store(run: Run, symlinked: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run("checkout", "HEAD", "--to", out, cwd=symlinked)
    assert not any(path.is_symlink() for path in out.rglob("*"))
    shutil.rmtree(symlinked)
    assert (out / "data/big").read_bytes() == BIG


def test_links_into_the_store_of_another_project_are_added_as_content(
    run: Run, symlinked: Path, tmp_path: Path
) -> None:
    mine = make_git_repo(tmp_path / "mine")
    run("init", cwd=mine)
    subprocess.run(["cp", "-a", symlinked / "data", mine / "data"], check=True)
    run("add", "data", cwd=mine)
    shutil.rmtree(symlinked)
    shutil.rmtree(mine / "data")
    run("checkout", cwd=mine)
    assert (mine / "data/big").read_bytes() == BIG
    assert not (mine / "data/big").is_symlink()


def test_a_link_of_the_users_own_is_a_link(run: Run, symlinked: Path) -> None:
    target = f"/nowhere/loose/{'ab'}/{'cd' * 30}"
    (symlinked / "data/link").symlink_to(target)
    run("add", "data", cwd=symlinked)
    (symlinked / "data/link").unlink()
    run("checkout", "--force", cwd=symlinked)
    assert os.readlink(symlinked / "data/link") == target


# -- a change of cache.link


def kind_of_link(path: Path) -> str:
    if path.is_symlink():
        return "symlink"
    return "hardlink" if path.stat().st_nlink > 1 else "copy"


@pytest.mark.parametrize("old", ["copy", "hardlink", "symlink"])
@pytest.mark.parametrize("new", ["copy", "hardlink", "symlink"])
def test_existing_files_keep_their_link_until_they_are_relinked(run: Run, tmp_path: Path, old: str, new: str) -> None:
    root = make_project(run, tmp_path / "repo", old)
    run("config", "set", "cache.link", new, cwd=root)
    run("checkout", cwd=root)
    paths = [root / "data/big", root / "data/sub/other", root / "single"]
    assert {kind_of_link(path) for path in paths} == {old}
    run("checkout", "--relink", cwd=root)
    assert {kind_of_link(path) for path in paths} == {new}
    assert [path.read_bytes() for path in paths] == [BIG, OTHER, BIG[::-1]]
    assert set(states(run, root).values()) == {"unchanged"}
    assert run("checkout", "--relink", "--json", cwd=root).json["restored"]["updated"] == 0
    run("fsck", cwd=root)


def test_relinking_leaves_unsaved_changes_alone(run: Run, tmp_path: Path) -> None:
    root = make_project(run, tmp_path / "repo", "copy")
    (root / "data/big").write_bytes(BIG + b"mine")
    run("config", "set", "cache.link", "symlink", cwd=root)
    run("checkout", "--relink", cwd=root, rc=4)
    assert (root / "data/big").read_bytes() == BIG + b"mine"
    assert (root / "single").is_symlink()


def test_relinking_does_not_go_with_an_export(run: Run, symlinked: Path, tmp_path: Path) -> None:
    assert "--relink" in run("checkout", "--relink", "--to", tmp_path / "out", cwd=symlinked, rc=2).err


# -- hard links


@pytest.fixture
def hardlinked(run: Run, tmp_path: Path) -> Path:
    return make_project(run, tmp_path / "repo", "hardlink")


def loose(root: Path) -> list[Path]:
    return [path for path in (root / ".git/dver/store/loose").rglob("*") if path.is_file()]


def modes(root: Path) -> set[int]:
    return {stat.S_IMODE(path.stat().st_mode) for path in loose(root)}


def test_a_mode_that_changed_goes_back_with_a_checkout(run: Run, hardlinked: Path) -> None:
    (hardlinked / "data/big").chmod(0o755)
    assert states(run, hardlinked)["data"] == "modified"
    run("checkout", "--force", cwd=hardlinked)
    assert stat.S_IMODE((hardlinked / "data/big").stat().st_mode) == 0o444
    assert kind_of_link(hardlinked / "data/big") == "hardlink"
    assert set(states(run, hardlinked).values()) == {"unchanged"}
    assert modes(hardlinked) == {0o444}


def test_a_file_that_is_made_executable_is_recorded_for_this_worktree_alone(
    run: Run, hardlinked: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    git("worktree", "add", "-q", "-b", "other", other, cwd=hardlinked)
    run("checkout", cwd=other)
    (hardlinked / "data/big").chmod(0o755)
    run("add", "data", cwd=hardlinked)
    assert os.access(hardlinked / "data/big", os.X_OK)
    assert kind_of_link(hardlinked / "data/big") == "copy"
    assert modes(hardlinked) == {0o444}
    assert set(states(run, other).values()) == {"unchanged"}
    assert set(states(run, hardlinked).values()) == {"unchanged"}
    run("fsck", cwd=hardlinked)


def test_a_program_that_still_writes_to_a_file_never_writes_into_the_store(run: Run, hardlinked: Path) -> None:
    for link in ("hardlink", "symlink"):
        run("config", "set", "cache.link", link, cwd=hardlinked)
        path = hardlinked / f"log-{link}"
        with path.open("wb", buffering=0) as writer:
            writer.write(OTHER[::-1])
            run("add", path.name, cwd=hardlinked)
            writer.write(b"written later")
        run("fsck", cwd=hardlinked)
        assert path.read_bytes() == OTHER[::-1] + b"written later"
        assert states(run, hardlinked)[path.name] == "modified"
        run("add", path.name, cwd=hardlinked)
        assert kind_of_link(path) == link


def test_a_mapped_file_counts_as_open_for_writing(run: Run, hardlinked: Path) -> None:
    path = hardlinked / "mapped"
    path.write_bytes(OTHER[::-1])
    with path.open("r+b") as file:
        mapped = mmap.mmap(file.fileno(), 0)
    run("add", "mapped", cwd=hardlinked)
    mapped[:5] = b"later"
    run("fsck", cwd=hardlinked)
    mapped.close()
    assert states(run, hardlinked)["mapped"] == "modified"


def test_a_file_with_other_hard_links_of_the_users_stays_the_users(run: Run, hardlinked: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_bytes(OTHER[::-1])
    outside.chmod(0o644)
    os.link(outside, hardlinked / "linked")
    run("add", "linked", cwd=hardlinked)
    assert stat.S_IMODE(outside.stat().st_mode) == 0o644
    assert outside.stat().st_nlink == 2
    with outside.open("ab") as file:
        file.write(b"mine")
    run("fsck", cwd=hardlinked)
    assert states(run, hardlinked)["linked"] == "modified"


def test_a_hard_link_that_was_edited_is_never_recorded_unseen(run: Run, hardlinked: Path) -> None:
    before = pointers(hardlinked)
    edit(hardlinked / "data/big")
    assert "was edited through its link" in run("add", "data", cwd=hardlinked, rc=6).err
    assert pointers(hardlinked) == before
    run("unlock", "data", cwd=hardlinked)
    run("add", "data", cwd=hardlinked)
    assert set(states(run, hardlinked).values()) == {"unchanged"}


def test_with_a_cold_cache_linked_files_stay_the_stores(run: Run, hardlinked: Path) -> None:
    before = sorted(path.stat().st_ino for path in loose(hardlinked))
    (hardlinked / ".git/dver/index.db").unlink()
    run("add", "-u", cwd=hardlinked)
    run("add", "data", cwd=hardlinked)
    assert sorted(path.stat().st_ino for path in loose(hardlinked)) == before
    assert kind_of_link(hardlinked / "data/big") == "hardlink"

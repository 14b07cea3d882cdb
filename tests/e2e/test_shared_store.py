"""One store for a whole team: several clones and processes, different umasks, real command line."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from support import Run, git, make_git_repo, run_dver
from users import ANN, BOB, REAL, TEAM

from dver.repo import Repository
from dver.store.objects.database import Database
from dver.store.objects.file_creation import FOLDER_BITS, Sharing
from dver.store.objects.loose import LinkMode
from dver.store.registered_clones import CloneState, list_clones
from dver.store.store import Store
from dver.store.writer import StoreWriter

BIG = random.Random(7).randbytes(3 << 20)


def write_data(repo: Path, *, seed: int = 1) -> None:
    made = random.Random(seed)
    for number in range(120):
        file = repo / "data" / f"part {number % 4}" / f"{number}.csv"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{made.random()}\n" * 20)
    (repo / "data" / "big.bin").write_bytes(BIG)


def files_of(folder: Path) -> dict[str, bytes]:
    return {os.fspath(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    return tmp_path / "shared" / "store"


@pytest.fixture
def project(run: Run, tmp_path: Path, shared: Path) -> Path:
    """A project whose store is to be shared, with its data in the workspace only."""
    repo = make_git_repo(tmp_path / "ann")
    run("init", cwd=repo)
    run("config", "set", "cache.dir", shared, cwd=repo)
    run("config", "set", "cache.shared", "group", cwd=repo)
    git("commit", "-qm", "Set up", cwd=repo)
    write_data(repo)
    return repo


@pytest.fixture
def added(run: Run, project: Path) -> Path:
    """The same with its data added and committed."""
    run("add", "data", cwd=project)
    git("commit", "-qm", "Data", cwd=project)
    return project


def clone_of(repo: Path, name: str) -> Path:
    """A clone that uses the store, as its user has accepted."""
    git("clone", "--quiet", repo, repo.parent / name, cwd=repo.parent)
    run_dver("config", "trust", cwd=repo.parent / name)
    return repo.parent / name


def start(arguments: Sequence[str | Path], cwd: Path, umask: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "dver", *arguments],
        cwd=cwd,
        umask=umask,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def ended_well(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        out, _ = process.communicate(timeout=240)
        assert process.returncode == 0, out.decode()


def test_a_clone_has_the_data_of_another_without_a_remote(run: Run, added: Path, shared: Path) -> None:
    bob = clone_of(added, "bob")
    assert "created" in run("checkout", cwd=bob).out
    assert files_of(bob / "data") == files_of(added / "data")
    assert run("status", cwd=bob).out == run("status", cwd=added).out
    (bob / "data" / "new.csv").write_text("new\n")
    run("add", "data", cwd=bob)
    git("commit", "-qam", "More", cwd=bob)
    git("pull", "--quiet", bob, "main", cwd=added)
    run("checkout", cwd=added)
    assert (added / "data" / "new.csv").read_text() == "new\n"
    assert not (bob / ".git/dver/store").exists()
    assert [(one.git_dir.parent, one.state) for one in list_clones(shared)] == [
        (added, CloneState.PRESENT),
        (bob, CloneState.PRESENT),
    ]


@pytest.mark.parametrize("link", ["auto", "hardlink", "symlink", "copy"])
def test_many_processes_add_and_check_out_the_same_at_once(run: Run, project: Path, shared: Path, link: str) -> None:
    run("config", "set", "cache.link", link, cwd=project)
    git("commit", "-qam", "Link", cwd=project)
    clones = [project, *(clone_of(project, name) for name in ("bob", "cid", "dan"))]
    for clone in clones[1:]:
        write_data(clone)
    wanted = files_of(project / "data")
    umasks = [0o077, 0o022, 0o002, 0o027]
    ended_well([start(["add", "data"], clone, umask) for clone, umask in zip(clones, umasks, strict=True)])
    assert len({(clone / "data.dver").read_bytes() for clone in clones}) == 1
    for clone in clones:
        shutil.rmtree(clone / "data")
    ended_well([start(["checkout"], clone, umask) for clone, umask in zip(clones, umasks, strict=True)])
    for clone in clones:
        assert files_of(clone / "data") == wanted
        run("check", "available", cwd=clone)
    run("fsck", cwd=project)
    modes = {path.stat().st_mode & 0o7777 for path in (shared, *shared.rglob("*")) if path.is_dir()}
    assert modes <= {0o2770, 0o2775, 0o2777}
    assert {path.stat().st_mode & 0o777 for path in shared.rglob("*") if path.is_file()} == {0o444}
    assert list((shared / "tmp").iterdir()) == []


@pytest.mark.parametrize("collector", ["ann", "bob"])
def test_a_clone_moved_away_keeps_its_data_when_another_is_made_at_its_path(
    run: Run, added: Path, tmp_path: Path, collector: str
) -> None:
    bob, moved = clone_of(added, "bob"), tmp_path / "moved"
    run("checkout", cwd=bob)
    (bob / "only.csv").write_text("only bob has this\n")
    run("add", "only.csv", cwd=bob)
    bob.rename(moved)
    bob = clone_of(added, "bob")
    run("checkout", cwd=bob)

    for _ in range(2):
        refused = run("gc", "--grace", "0d", cwd=tmp_path / collector, rc=None)
        assert refused.rc != 0
        assert "another clone is at that path now" in refused.err
        run("check", "available", cwd=moved)  # enters the register at its new path, and the old entry stays
    forgetting = refused.err.partition("if it is deleted: ")[2].split()
    assert forgetting[:3] == ["dver", "gc", "--forget"]
    run(*forgetting[1:4], cwd=added)
    assert "4 clones" not in run("gc", "--grace", "0d", cwd=tmp_path / collector).out
    shutil.rmtree(moved / "data")
    (moved / "only.csv").unlink()
    run("checkout", cwd=moved)
    assert (moved / "only.csv").read_text() == "only bob has this\n"


def test_a_path_that_several_deleted_clones_had_is_not_enough_to_forget_one(run: Run, added: Path) -> None:
    for _ in range(2):
        bob = clone_of(added, "bob")
        run("checkout", cwd=bob)
        shutil.rmtree(bob)
    refused = run("gc", "--forget", bob, cwd=added, rc=2)
    assert "several clones" in refused.err
    fix = refused.err.partition("if this one is deleted: ")[2].split()
    assert "forgot" in run(*fix[1:], cwd=added).out
    assert run("gc", "--forget", bob, "--json", cwd=added).json == {"forgotten": 1}
    run("gc", cwd=added)


def test_clones_fetch_the_same_from_a_remote_at_once(run: Run, added: Path, shared: Path, tmp_path: Path) -> None:
    run("remote", "add", "-d", "origin", tmp_path / "remote", cwd=added)
    git("commit", "-qam", "Remote", cwd=added)
    run("push", cwd=added)
    wanted = files_of(added / "data")
    clones = [clone_of(added, name) for name in ("bob", "cid", "dan")]
    shutil.rmtree(shared)
    ended_well([start(["pull"], clone, umask) for clone, umask in zip(clones, (0o077, 0o022, 0o002), strict=True)])
    assert all(files_of(clone / "data") == wanted for clone in clones)
    run("fsck", cwd=clones[0])
    assert [path for path in (shared / "tmp").iterdir() if path.name.startswith(".dver")] == []


def test_a_clone_goes_on_after_another_has_collected_garbage(run: Run, added: Path, shared: Path) -> None:
    bob = clone_of(added, "bob")
    run("checkout", cwd=bob)
    for number in range(4):
        (bob / "data" / f"new {number}.csv").write_text(f"{number}\n")
        run("add", "data", cwd=bob)
    git("commit", "-qam", "More", cwd=bob)
    with Repository.open(added) as repo:
        assert repo.store.count() > 100  # its database knows all packs as they are now
    run("gc", "--grace", "0d", cwd=bob)
    shutil.rmtree(added / "data")
    run("checkout", cwd=added)
    run("check", "available", cwd=added)
    run("check", "available", cwd=bob)
    run("fsck", cwd=added)


def test_a_store_that_cannot_be_written_is_read_and_an_add_changes_nothing(run: Run, added: Path, shared: Path) -> None:
    bob = clone_of(added, "bob")
    folders = [path for path in (shared, *shared.rglob("*")) if path.is_dir()]
    read_only = _ReadOnly(folders)
    with read_only:
        read_only.run("checkout", cwd=bob)
        assert files_of(bob / "data") == files_of(added / "data")
        before = (bob / "data.dver").read_bytes()
        read_only.run("status", cwd=bob)  # it trusts what the checkout had just written: an add need not read that
        read_only.run("add", "data", cwd=bob)  # nothing new: nothing to write
        (bob / "table.csv").write_text("a\n1\n")
        assert "table.csv: 1 row" in read_only.run("profile", "table.csv", cwd=bob)  # shown, and not kept
        (bob / "table.csv").unlink()
        (bob / "data" / "new.csv").write_text("new\n")
        (bob / "other").write_text("other\n")
        for path in ("data", "other"):
            err = read_only.run("add", path, cwd=bob, rc=8)
            assert "cannot write to the directory" in err
            assert os.fspath(shared) in err
            assert "mode" in err
        assert (bob / "data.dver").read_bytes() == before
        assert not (bob / "other.dver").exists()
        assert git("status", "--short", cwd=bob) == "?? other\n"
        assert "it can be read" in read_only.run("doctor", "--offline", cwd=bob, rc=None)


class _ReadOnly:
    """Folders that nobody may write to, not even root: its processes run without the right to do that."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._modes = {folder: folder.stat().st_mode & 0o7777 for folder in folders}

    def __enter__(self) -> None:
        for folder in self._modes:
            folder.chmod(0o555)

    def __exit__(self, *_: object) -> None:
        for folder, mode in self._modes.items():
            folder.chmod(mode)

    def run(self, *arguments: str, cwd: Path, rc: int | None = 0) -> str:
        """Run dver; what it says."""
        command = [sys.executable, "-m", "dver", *arguments]
        if REAL:
            drop = "-dac_override"
            command = ["setpriv", f"--bounding-set={drop}", f"--inh-caps={drop}", *command]
        done = subprocess.run(command, cwd=cwd, capture_output=True, timeout=120)
        text = (done.stdout + done.stderr).decode()
        assert "Traceback" not in text
        assert rc is None or done.returncode == rc, (done.returncode, text)
        return text


def test_after_a_move_the_old_store_is_named_and_what_is_in_it_can_be_brought(
    run: Run, tmp_path: Path, shared: Path
) -> None:
    repo = make_git_repo(tmp_path / "repo")
    run("init", cwd=repo)
    write_data(repo)
    run("add", "data", cwd=repo)
    git("commit", "-qm", "Data", cwd=repo)
    wanted = files_of(repo / "data")
    told = run("config", "set", "--local", "cache.dir", shared, cwd=repo).err
    old = repo / ".git/dver/store"
    assert f"stay in the previous store, {old}" in told
    assert int(told.split(" object")[0].split()[-1]) >= 121
    shutil.rmtree(repo / "data")
    lost = run("checkout", cwd=repo, rc=None)
    assert lost.rc != 0
    assert f"dver fsck --repair --from {old}" in lost.err
    assert f"dver fsck --repair --from {old}" in run("cat", "data/part 0/0.csv", cwd=repo, rc=None).err
    assert os.fspath(old) in run("doctor", "--offline", cwd=repo, rc=None).out
    run("fsck", "--repair", "--from", old, cwd=repo, rc=None)
    run("checkout", cwd=repo)
    assert files_of(repo / "data") == wanted
    shutil.rmtree(old)
    assert os.fspath(old) not in run("doctor", "--offline", cwd=repo, rc=None).out


def test_setting_another_place_says_nothing_where_nothing_stays(run: Run, project: Path, tmp_path: Path) -> None:
    assert "stay" not in run("config", "set", "cache.dir", tmp_path / "another", cwd=project).err
    assert "stay" not in run("config", "unset", "cache.dir", cwd=project).err


def test_moving_back_names_the_shared_store_as_the_old_one(run: Run, added: Path, shared: Path) -> None:
    assert f"stay in the previous store, {shared}" in run("config", "unset", "cache.dir", cwd=added).err
    shutil.rmtree(added / "data")
    assert f"--from {shared}" in run("checkout", cwd=added, rc=None).err


@pytest.fixture
def other_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on another file system than the workspace, where this machine has one; else on the same."""
    own = tmp_path.stat().st_dev
    places = [one for one in ("/dev/shm", "/var/tmp") if os.path.isdir(one) and os.stat(one).st_dev != own]
    with tempfile.TemporaryDirectory(prefix="dver-test-", dir=[*places, tmp_path][0]) as name:
        yield Path(name)


@pytest.mark.parametrize("link", ["auto", "reflink", "hardlink", "symlink", "copy"])
def test_a_store_on_another_disk_than_the_workspace_serves_all_modes(
    run: Run, project: Path, other_disk: Path, link: str
) -> None:
    run("config", "set", "cache.dir", other_disk / "store", cwd=project)
    run("config", "set", "cache.link", link, cwd=project)
    wanted = files_of(project / "data")
    run("add", "data", cwd=project)
    assert files_of(project / "data") == wanted
    shutil.rmtree(project / "data")
    run("checkout", cwd=project)
    assert files_of(project / "data") == wanted
    assert (project / "data/big.bin").is_symlink() is (link == "symlink")
    assert run("status", cwd=project).out == "Staged for commit (`git commit`):\n  new: data.dver\n"
    run("fsck", cwd=project)


def test_links_into_the_old_store_are_never_added_as_links(run: Run, project: Path, shared: Path) -> None:
    run("config", "set", "cache.link", "symlink", cwd=project)
    run("add", "data", cwd=project)
    git("commit", "-qam", "Data", cwd=project)
    before = (project / "data.dver").read_bytes()
    run("config", "set", "cache.dir", shared.parent / "new", cwd=project)
    (project / "data" / "new.csv").write_text("new\n")
    run("add", "data", cwd=project)
    (project / "data" / "new.csv").unlink()
    run("add", "data", cwd=project)
    assert (project / "data.dver").read_bytes() == before
    run("checkout", cwd=project)
    assert os.readlink(project / "data/big.bin").startswith(f"{shared.parent}/new/")
    shutil.rmtree(shared)
    assert (project / "data/big.bin").read_bytes() == BIG


def test_doctor_tells_who_uses_a_store_and_what_is_closed_to_others(run: Run, added: Path, shared: Path) -> None:
    bob = clone_of(added, "bob")
    run("checkout", cwd=bob)
    assert "2 clones use it" in run("doctor", "--offline", cwd=bob).out
    (shared / "packs").chmod(0o700)
    told = run("doctor", "--offline", cwd=bob).out
    assert "not writable for others, although cache.shared is group" in told
    assert os.fspath(shared / "packs") in told
    shutil.rmtree(added)
    told = run("doctor", "--offline", cwd=bob).out
    assert "no longer exist" in told
    assert "dver gc --forget" in told


def test_the_team_reads_what_a_member_with_a_strict_umask_has_added() -> None:
    """With different users where the tests run as root, and with permission bits alone elsewhere."""
    with tempfile.TemporaryDirectory(prefix="dver-test-team-") as name:
        team = Path(name)
        if REAL:
            os.chown(team, -1, TEAM)
        team.chmod(0o2775)
        (team / "blob").write_bytes(BIG)
        (team / "blob").chmod(0o444)
        ANN.run(lambda: _add_in_process(team / "store", Path(tempfile.mkdtemp(dir=team)), team / "blob"))
        BOB.run(lambda: _add_in_process(team / "store", Path(tempfile.mkdtemp(dir=team)), team / "blob"))
        folders = [path for path in (team / "store").rglob("*") if path.is_dir()]
        assert {path.stat().st_mode & 0o2070 for path in folders} == {0o2070}


def _add_in_process(root: Path, folder: Path, source: Path) -> None:
    store = Store(root, Database(folder / "index.db"), Sharing(FOLDER_BITS["group"], folder))
    with StoreWriter(store) as writer, open(source, "rb") as file:
        oid = writer.add_large(file.fileno(), LinkMode.SYMLINK, path=os.fsencode(source))
        chunked = writer.add_stream([BIG[1:]])
    assert store.read(oid) == BIG
    assert store.read(chunked) == BIG[1:]

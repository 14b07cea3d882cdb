"""`dver fsck --remote`: finds damage of every kind, names its paths, and repairs it with good copies from anywhere."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from servers import S3Server
from support import Run, git
from webserver import Web, running
from workspaces import Project, listing, write

from dver.core.oid import Oid
from dver.formats import pack
from dver.maintenance.fsck_result import FsckResult
from dver.ops.maintain.fsck_remote import fsck_remote
from dver.ops.maintain.gc_remote import gc_remote
from dver.ops.quality.check_available import check_available
from dver.ops.share import remote as remotes
from dver.ops.share.fetch import fetch
from dver.ops.share.push import push
from dver.remote.storage import BytesBody
from dver.sharing.transfer_options import TransferOptions
from dver.store.objects.packs import PackReader, parse_pack_file_name
from dver.store.repair.damage import DamagedPart
from dver.tracking.revision_scope import RevisionScope

SEEDS = int(os.environ.get("DVER_TEST_SEEDS", "12"))
BIG = random.Random(1).randbytes(3 << 20)
V1 = {"data/a": b"first\n" * 100, "data/sub/b": b"second\n" * 50, "data/sub/big": BIG, "alone.bin": BIG[:5:-1]}
V2 = {**V1, "data/a": b"changed\n" * 100, "data/sub/big": BIG[:1000] + b"inserted" + BIG[1000:], "data/new": b""}
ALL = RevisionScope(all_commits=True)


def run_fsck(project: Project, *, repair: bool = False, dry_run: bool = False, other: Path | None = None) -> FsckResult:
    with project.opened() as repo:
        text = os.fspath(other) if other else None
        return fsck_remote(repo, cwd=project.root, repair=repair, dry_run=dry_run, other=text)


def push_all(project: Project, remote: str | None = None) -> None:
    with project.opened() as repo:
        push(repo, cwd=project.root, options=TransferOptions(ALL, remote))


def is_pushed(project: Project) -> bool:
    with project.opened() as repo:
        return not check_available(repo, cwd=project.root, scope=ALL, on_remote=True).absent


def damage(path: Path, change: Callable[[bytearray], object]) -> None:
    content = bytearray(path.read_bytes())
    change(content)
    path.unlink()
    path.write_bytes(content)


def flip(path: Path, at: int, bit: int = 0) -> None:
    def change(content: bytearray) -> None:
        content[at] ^= 1 << bit

    damage(path, change)


def zero(content: bytearray, at: int) -> None:
    content[at : at + 64] = bytes(len(content[at : at + 64]))


def rows_of(path: Path) -> list[pack.Row]:
    name = parse_pack_file_name(path.name)
    assert name is not None
    with PackReader(path) as reader:
        return reader.rows(name)


def payload_of(row: pack.Row) -> int:
    return row.offset + pack.FRAME_HEADER_SIZE


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    return tmp_path / "remote"


@pytest.fixture
def project(tmp_path: Path, remote: Path) -> Project:
    """A project with two tagged versions, each pushed by itself."""
    made = Project.make(tmp_path / "repo")
    (made.root / ".git/dver").mkdir(exist_ok=True)
    (made.root / ".git/dver/config.toml").write_text('[cache]\nlink = "copy"\n')
    with made.opened() as repo:
        remotes.add(repo, "origin", str(remote), default=True)
    for name, version in (("v1", V1), ("v2", V2)):
        shutil.rmtree(made.root / "data", ignore_errors=True)
        write(made.root, version)
        made.save("data", "alone.bin", message=name)
        made.git("tag", name)
        push_all(made)
    return made


def packs_of(remote: Path) -> list[Path]:
    return sorted((remote / "packs").iterdir())


def objects_of(remote: Path) -> set[tuple[pack.ObjectKind, Oid]]:
    """What lies in the packs of the remote."""
    return {(row.kind, row.oid) for path in packs_of(remote) for row in rows_of(path)}


def assert_pulled(project: Project, out: Path) -> None:
    """A new clone gets the right bytes of every version."""
    shutil.rmtree(out, ignore_errors=True)
    clone = Project(out / "clone")
    git("clone", "--quiet", project.root, clone.root, cwd=project.root)
    for rev, files in (("v1", V1), ("v2", V2)):
        with clone.opened() as repo:
            result = fetch(repo, cwd=clone.root, options=TransferOptions(RevisionScope(rev)))
        assert [one.error() for one in result.remotes] == [None]
        clone.checkout_to(out / rev, rev=rev)
        found = {os.fsdecode(name): one[1] for name, one in listing(out / rev).items() if one[0] == "file"}
        assert found == files


def spoil(remote: Path, chance: random.Random) -> Path:
    kind = chance.choice(("packs", "packs", "indexes"))
    path = chance.choice(sorted((remote / kind).iterdir()))
    size = path.stat().st_size
    place = chance.randrange(size)
    if kind == "packs":
        rows = rows_of(path)
        row = chance.choice(rows)
        start = size - pack.TRAILER_SIZE - len(pack.encode_footer(rows))
        parts = ((0, 16), (row.offset, payload_of(row)), (payload_of(row), max(row.end, payload_of(row) + 1)))
        place = chance.randrange(*chance.choice((*parts, (start, size - pack.TRAILER_SIZE), (size - 48, size))))
    how = chance.choice(("flip", "flip", "flip", "zero", "truncate", "delete"))
    if how == "flip":
        flip(path, place, chance.randrange(8))
    elif how == "zero":
        damage(path, lambda content: zero(content, place))
    elif how == "truncate":
        damage(path, lambda content: content.__delitem__(slice(place, None)))
    else:
        path.unlink()
    return path


def test_an_undamaged_remote_has_no_errors(project: Project) -> None:
    found = run_fsck(project)
    assert found.is_well
    assert (found.damages, found.bad, found.stray_files) == ((), (), ())
    assert found.where == "origin"
    assert found.objects > 10


def test_damage_anywhere_is_found_named_and_repaired(project: Project, remote: Path, tmp_path: Path) -> None:
    good = tmp_path / "good"
    shutil.copytree(remote, good)
    for seed in range(SEEDS):
        shutil.rmtree(remote)
        shutil.copytree(good, remote)
        path = spoil(remote, random.Random(seed))
        where = f"seed {seed}: {path}"
        twin = good / path.relative_to(remote)
        if path.exists() and path.read_bytes() == twin.read_bytes():  # zeros where there were zeros
            continue
        if path.suffix in (".idx", ".repository") and not path.exists():
            # An index that is gone leaves packs that nobody lists: the next push lists them again.
            push_all(project)
            assert run_fsck(project).is_well, where
            continue
        found = run_fsck(project)
        assert not found.is_well, where
        assert path.relative_to(remote).as_posix() in {one.file for one in found.damages}, where
        assert not found.bad or any(one.affected for one in found.bad), where
        repaired = run_fsck(project, repair=True)
        assert repaired.is_well, (where, repaired)
        after = run_fsck(project)
        assert after.is_well, (where, after)
        assert not after.damages, where
        assert is_pushed(project), where
        assert_pulled(project, tmp_path / "out")


def test_damaged_packs_are_replaced_by_new_ones_with_all_of_their_objects(
    project: Project, remote: Path, tmp_path: Path
) -> None:
    good, damaged = objects_of(remote), packs_of(remote)
    for path in damaged:
        row = next(row for row in rows_of(path) if row.stored_size)
        flip(path, payload_of(row))
    repaired = run_fsck(project, repair=True)
    assert (repaired.is_well, repaired.taken_off) == (True, 0)
    assert objects_of(remote) >= good
    assert not any(path.exists() for path in damaged)
    assert not run_fsck(project).damages
    assert is_pushed(project)
    assert_pulled(project, tmp_path / "out")


def test_frames_that_are_intact_only_in_a_truncated_pack_survive(project: Project, remote: Path) -> None:
    shutil.rmtree(project.store)
    shutil.rmtree(project.root / "data")
    (project.root / "alone.bin").unlink()
    path = packs_of(remote)[0]
    rows = sorted(rows_of(path), key=lambda row: row.offset)
    damage(path, lambda content: content.__delitem__(slice(rows[-1].offset + 1, None)))
    lost = run_fsck(project, repair=True).lost
    assert rows[-1].oid in {one.oid for one in lost}
    assert objects_of(remote) >= {(row.kind, row.oid) for row in rows[:-1]}
    assert not run_fsck(project).damages


def test_the_objects_of_all_deleted_packs_are_uploaded_again(project: Project, remote: Path, tmp_path: Path) -> None:
    good = objects_of(remote)
    shutil.rmtree(remote / "packs")
    found = run_fsck(project)
    assert {one.part for one in found.damages} == {DamagedPart.PACK, DamagedPart.FRAME}
    assert run_fsck(project, repair=True).is_well
    assert objects_of(remote) >= good
    assert not run_fsck(project).damages
    assert_pulled(project, tmp_path / "out")


def test_paths_and_commits_that_need_a_damaged_object_are_reported(project: Project, remote: Path) -> None:
    (path,) = [path for path in packs_of(remote) if any(row.raw_size == 350 for row in rows_of(path))]
    (row,) = [row for row in rows_of(path) if row.raw_size == 350]
    flip(path, payload_of(row))
    (bad,) = run_fsck(project).bad
    assert bad.oid == row.oid
    assert {one.path for one in bad.affected} == {b"data/sub/b"}
    assert {name for one in bad.affected for name in one.commits.names} == {"v1", "v2"}


def test_files_of_the_workspace_are_good_copies(project: Project, remote: Path) -> None:
    shutil.rmtree(project.store)
    (path,) = [path for path in packs_of(remote) if any(row.raw_size == 350 for row in rows_of(path))]
    for row in rows_of(path):
        if row.raw_size == 350 or (row.codec is pack.Codec.CHUNKED and row.raw_size == len(V1["alone.bin"])):
            flip(path, payload_of(row))
    planned = run_fsck(project, repair=True, dry_run=True)
    assert {one.source for one in planned.bad} == {"the workspace"}
    assert run_fsck(project, repair=True).is_well
    assert run_fsck(project).is_well


def test_an_object_without_a_copy_is_delisted_and_pushed_again(project: Project, remote: Path, tmp_path: Path) -> None:
    shutil.copytree(project.root, tmp_path / "other")
    shutil.rmtree(project.store)
    shutil.rmtree(project.root / "data")
    (project.root / "alone.bin").unlink()
    path = packs_of(remote)[0]
    row = next(row for row in rows_of(path) if row.kind is pack.ObjectKind.BLOB and row.stored_size)
    flip(path, payload_of(row))
    repaired = run_fsck(project, repair=True)
    assert [one.oid for one in repaired.lost] == [row.oid]
    assert repaired.taken_off > 1
    assert not path.exists()
    assert not run_fsck(project).damages
    other = Project(tmp_path / "other")
    assert not is_pushed(other)
    push_all(other)
    assert is_pushed(other)
    assert run_fsck(other).is_well
    assert_pulled(other, tmp_path / "out")


def test_another_remote_is_a_source(project: Project, remote: Path, tmp_path: Path) -> None:
    with project.opened() as repo:
        remotes.add(repo, "backup", str(tmp_path / "backup"))
    push_all(project, "backup")
    shutil.rmtree(project.store)
    shutil.rmtree(project.root / "data")
    (project.root / "alone.bin").unlink()
    good = objects_of(remote)
    for path in packs_of(remote):
        flip(path, payload_of(rows_of(path)[0]))
    repaired = run_fsck(project, repair=True)
    assert repaired.is_well, repaired
    assert {one.source for one in repaired.bad} == {"the remote backup"}
    assert objects_of(remote) >= good
    assert not run_fsck(project).damages


def test_damaged_indexes_are_replaced(project: Project, remote: Path, tmp_path: Path) -> None:
    for path in sorted((remote / "indexes").glob("*.idx")):
        flip(path, 20)
    (remote / "packs" / ("ab" * 32 + ".pack")).write_bytes(b"no pack")
    found = run_fsck(project)
    assert [one.part for one in found.damages] == [DamagedPart.INDEX, DamagedPart.INDEX]
    assert run_fsck(project, repair=True).is_well
    assert run_fsck(project).is_well
    assert is_pushed(project)
    assert_pulled(project, tmp_path / "out")


def test_packs_that_no_index_lists_are_reported_but_not_as_damage(project: Project, remote: Path) -> None:
    shutil.copyfile(packs_of(remote)[0], remote / "packs" / ("cd" * 32 + ".pack"))
    found = run_fsck(project)
    assert found.is_well
    assert found.stray_files == ("packs/" + "cd" * 32 + ".pack",)


def test_an_index_that_promises_missing_objects_is_found_and_repaired(project: Project, remote: Path) -> None:
    """The first push's index is gone; the second one's needs what that listed."""
    first, _ = sorted((remote / "indexes").glob("*.idx"), key=lambda path: path.stat().st_mtime_ns)
    first.unlink()
    found = run_fsck(project)
    assert DamagedPart.PROMISE in {one.part for one in found.damages}
    assert run_fsck(project, repair=True).is_well
    assert not run_fsck(project).damages
    push_all(project)
    assert run_fsck(project).is_well


def test_a_sample_reads_some_frames_and_all_footers(project: Project, remote: Path) -> None:
    for path in packs_of(remote):
        flip(path, path.stat().st_size - pack.TRAILER_SIZE - 1)
    with project.opened() as repo:
        found = fsck_remote(repo, "origin", cwd=project.root, fraction=0.01, seed=1)
        whole = fsck_remote(repo, "origin", cwd=project.root)
    assert [one.part for one in found.damages] == [DamagedPart.FOOTER] * len(packs_of(remote))
    assert found.size < whole.size


def test_the_command_reports_damage_and_exits_with_6(project: Project, remote: Path, run: Run) -> None:
    assert run("fsck", "--remote", cwd=project.root).out.endswith("no errors\n")
    path = packs_of(remote)[0]
    flip(path, payload_of(rows_of(path)[0]))
    result = run("fsck", "--remote", "origin", cwd=project.root, rc=6)
    assert f"damaged frame in packs/{path.name}" in result.out
    assert "repaired from the store" in run("fsck", "--remote", "--repair", cwd=project.root).out
    run("fsck", "--remote", "nowhere", cwd=project.root, rc=2)


@pytest.mark.parametrize("server", ["s3_server", "moto_server"])
def test_a_bucket_is_repaired(
    project: Project, server: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    running: S3Server = request.getfixturevalue(server)
    for key, value in running.credentials().items():
        monkeypatch.setenv(key, value)
    with project.opened() as repo:
        remotes.remove(repo, "origin")
        remotes.add(repo, "origin", str(running.table()["url"]), default=True)
        remotes.change_setting(repo, "origin", "endpoint_url", running.endpoint_url)
    project.commit("Another remote")
    push_all(project)
    with project.opened() as repo:
        storage = repo.remotes.connect("origin")
        packs = sorted(info.key for info in storage.list("packs/"))
        content = bytearray(storage.get(packs[0]))
        content[len(content) // 2] ^= 1
        storage.put(packs[0], BytesBody(bytes(content)))
        (index,) = [info.key for info in storage.list("indexes/") if info.key.endswith(".idx")]
        storage.put(index, BytesBody(storage.get(index)[:-1]))
        if len(packs) > 1:
            storage.delete(packs[1])
    assert not run_fsck(project).is_well
    assert run_fsck(project, repair=True).is_well
    after = run_fsck(project)
    assert (after.is_well, after.damages) == (True, ())
    assert is_pushed(project)


def test_a_remote_behind_a_web_server_that_lists_nothing_is_checked(project: Project, remote: Path) -> None:
    with running(Web()) as web:
        web.files = {f"p/{os.fsdecode(name)}": one[1] for name, one in listing(remote).items() if one[0] == "file"}
        with project.opened() as repo:
            remotes.add(repo, "pub", f"{web.url}/p")
        with project.opened() as repo:
            assert fsck_remote(repo, "pub", cwd=project.root).is_well
            gone = next(name for name in web.files if name.endswith(".pack"))
            del web.files[gone]
            found = fsck_remote(repo, "pub", cwd=project.root)
    assert gone.removeprefix("p/") in {one.file for one in found.damages}


def test_a_remote_has_no_errors_after_each_gc(project: Project, remote: Path, tmp_path: Path) -> None:
    write(project.root, {"data/dropped": b"dropped soon\n"})
    project.save("data", message="dropped")
    push_all(project)
    project.git("reset", "--quiet", "--hard", "HEAD^")
    project.git("reflog", "expire", "--expire=now", "--all")
    for grace in (1000, 0, 0):
        with project.opened() as repo:
            gc_remote(repo, "origin", grace=grace, offline=True)
        found = run_fsck(project)
        assert (found.is_well, found.damages) == (True, ()), grace
    for path in packs_of(remote):
        row = next(row for row in rows_of(path) if row.raw_size > 16)
        flip(path, payload_of(row))
    assert run_fsck(project, repair=True).is_well
    assert not run_fsck(project).damages
    assert_pulled(project, tmp_path / "out")

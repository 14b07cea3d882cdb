"""`dver fsck`: damage of every kind is found, named, and repaired from wherever a good copy is."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from support import Run, Templates, git
from workspaces import Project, listing, write

from dver.formats import pack
from dver.ops.maintain.fsck import FsckResult, fsck
from dver.ops.share import remote as remotes
from dver.ops.share.push import push
from dver.sharing.transfer_options import TransferOptions
from dver.store.objects.packs import PackReader, parse_pack_file_name
from dver.store.repair.damage import DamagedPart
from dver.tracking.revision_scope import RevisionScope

SEEDS = int(os.environ.get("DVER_TEST_SEEDS", "12"))
BIG = random.Random(1).randbytes(3 << 20)
V1 = {"data/a": b"first\n" * 100, "data/sub/b": b"second\n" * 50, "data/sub/big": BIG, "alone.bin": BIG[::-1]}
V2 = {**V1, "data/a": b"changed\n" * 100, "data/sub/big": BIG[:1000] + b"inserted" + BIG[1000:], "data/new": b""}


def set_data(project: Project, files: dict[str, bytes]) -> None:
    shutil.rmtree(project.root / "data", ignore_errors=True)
    write(project.root, files)


def look(project: Project, *, repair: bool = False, dry_run: bool = False, other: Path | None = None) -> FsckResult:
    with project.opened() as repo:
        return fsck(repo, cwd=project.root, repair=repair, dry_run=dry_run, other=os.fspath(other) if other else None)


def named(result: FsckResult) -> dict[bytes, set[str]]:
    """The commits by the paths that are hurt."""
    found: dict[bytes, set[str]] = {}
    for bad in result.bad:
        for one in bad.affected:
            found.setdefault(one.path, set()).update(one.commits.names)
    return found


def damage(path: Path, change: Callable[[bytearray], object]) -> None:
    content = bytearray(path.read_bytes())
    change(content)
    path.chmod(0o644)
    path.unlink()
    path.write_bytes(content)
    path.chmod(0o444)


def flip(path: Path, at: int, bit: int = 0) -> None:
    def change(content: bytearray) -> None:
        content[at] ^= 1 << bit

    damage(path, change)


def packs_of(project: Project) -> list[Path]:
    return sorted((project.store / "packs").iterdir())


def rows_of(path: Path) -> list[pack.Row]:
    name = parse_pack_file_name(path.name)
    assert name is not None
    with PackReader(path) as reader:
        return reader.rows(name)


def assert_versions(project: Project, out: Path) -> None:
    for rev, files in (("v1", V1), ("v2", V2)):
        target = out / rev
        shutil.rmtree(target, ignore_errors=True)
        project.checkout_to(target, rev=rev)
        found = {os.fsdecode(name): content[1] for name, content in listing(target).items() if content[0] == "file"}
        assert found == files


def make(root: Path, link: str) -> Project:
    project = Project.make(root)
    (root / ".git/dver").mkdir(exist_ok=True)
    (root / ".git/dver/config.toml").write_text(f'[cache]\nlink = "{link}"\n')
    for name, version in (("v1", V1), ("v2", V2)):
        set_data(project, version)
        project.save("data", "alone.bin", message=name)
        project.git("tag", name)
    return project


@pytest.fixture(params=["copy", "hardlink"])
def project(request: pytest.FixtureRequest, templates: Templates, tmp_path: Path) -> Project:
    """A project with two tagged versions; large files are chunks in packs, or loose."""
    link = request.param
    return Project(templates.copy(f"fsck-{link}", tmp_path / "repo", lambda root: make(root, link)))


@pytest.fixture
def pushed(project: Project, tmp_path: Path) -> Project:
    """The same, with all of it on a remote, and an empty workspace."""
    with project.opened() as repo:
        remotes.add(repo, "origin", str(tmp_path / "remote"), default=True)
    with project.opened() as repo:
        push(repo, cwd=project.root, options=TransferOptions(RevisionScope(all_commits=True)))
    shutil.rmtree(project.root / "data")
    (project.root / "alone.bin").unlink()
    return project


class Spoiler:
    """Damages one random place of a store, again and again, each time after the store was as it should be."""

    def __init__(self, project: Project, tmp_path: Path) -> None:
        self.project = project
        self.store = project.store
        self.good = tmp_path / "good"
        shutil.copytree(self.store, self.good)

    def restore(self) -> None:
        shutil.rmtree(self.store)
        shutil.copytree(self.good, self.store)

    def spoil(self, chance: random.Random) -> Path:
        files = sorted(path for path in self.store.rglob("*") if path.is_file() and path.parent.name != "tmp")
        path = chance.choice(files)
        place = self._place(path, chance)
        how = chance.choice(("flip", "flip", "zero", "truncate"))
        if how == "flip":
            flip(path, place, chance.randrange(8))
        elif how == "zero":
            damage(
                path,
                lambda content: content.__setitem__(slice(place, place + 64), bytes(len(content[place : place + 64]))),
            )
        else:
            damage(path, lambda content: content.__delitem__(slice(place, None)))
        return path

    def _place(self, path: Path, chance: random.Random) -> int:
        """Somewhere in a part that is chosen first, since most of a file is payload."""
        size = path.stat().st_size
        if path.suffix != ".pack":
            return chance.randrange(size)
        rows = rows_of(path)
        row = chance.choice(rows)
        start = size - pack.TRAILER_SIZE - len(pack.encode_footer(rows))
        low, high = chance.choice(
            (
                (0, len(pack.HEADER)),
                (row.offset, row.offset + pack.FRAME_HEADER_SIZE),
                (row.offset + pack.FRAME_HEADER_SIZE, max(row.end, row.offset + pack.FRAME_HEADER_SIZE + 1)),
                (start, size - pack.TRAILER_SIZE),
                (size - pack.TRAILER_SIZE, size),
            )
        )
        return chance.randrange(low, min(high, size))


def is_same(path: Path, other: Path) -> bool:
    return path.exists() and path.read_bytes() == other.read_bytes()


@pytest.mark.parametrize("forgetful", [False, True])
def test_damage_anywhere_is_found_named_and_repaired(pushed: Project, tmp_path: Path, forgetful: bool) -> None:
    spoiler = Spoiler(pushed, tmp_path)
    for seed in range(SEEDS):
        spoiler.restore()
        chance = random.Random(seed)
        path = spoiler.spoil(chance)
        where = f"seed {seed}: {path}"
        if is_same(path, spoiler.good / path.relative_to(spoiler.store)):  # zeros where there were zeros
            continue
        if forgetful:
            for name in (pushed.root / ".git/dver").glob("index.db*"):
                name.unlink()
        found = look(pushed)
        assert not found.is_well, where
        assert {one.file for one in found.damages} == {os.fspath(path.relative_to(spoiler.store))}, where
        # What is below a damaged directory cannot be named by itself.
        assert not found.bad or named(found), where
        assert set().union(*named(found).values()) <= {"v1", "v2"}, where
        mended = look(pushed, repair=True)
        assert mended.is_well, (where, mended)
        after = look(pushed)
        assert after.is_well, (where, after)
        assert not after.damages, where
        assert not after.missing, (where, after)
        assert_versions(pushed, tmp_path / "out")
    assert not pushed.leftovers()


def test_a_good_store_is_well(project: Project) -> None:
    found = look(project)
    assert found.is_well
    assert (found.damages, found.bad, found.missing, found.stray_files) == ((), (), (), ())
    assert found.objects > 10


def test_names_and_commits_of_what_is_hurt_are_told(tmp_path: Path) -> None:
    project = make(tmp_path / "repo", "copy")
    project.commit("nothing new")
    project.commit("nothing new either")
    (path,) = [path for path in packs_of(project) if any(row.raw_size == 350 for row in rows_of(path))]
    (row,) = [row for row in rows_of(path) if row.raw_size == 350]
    flip(path, row.offset + pack.FRAME_HEADER_SIZE)
    found = look(project)
    (bad,) = found.bad
    assert bad.oid == row.oid
    assert {one.path for one in bad.affected} == {b"data/sub/b"}
    assert {name for one in bad.affected for name in one.commits.names} == {"v1", "v2", "main", "main~1"}


def test_a_bad_chunk_hurts_every_file_that_has_it(tmp_path: Path) -> None:
    project = make(tmp_path / "repo", "copy")
    rows = [(row, path) for path in packs_of(project) for row in rows_of(path)]
    row, path = max(
        ((row, path) for row, path in rows if row.kind is pack.ObjectKind.BLOB),
        key=lambda one: one[0].end - one[0].offset,
    )
    flip(path, row.end - 1)
    (bad,) = look(project).bad
    assert bad.oid == row.oid
    assert bad.affected
    assert {one.path for one in bad.affected} <= {b"data/sub/big", b"alone.bin"}


def test_a_damaged_directory_hurts_all_below_it(tmp_path: Path) -> None:
    project = make(tmp_path / "repo", "copy")
    tops = {project.git("show", f"{rev}:data.dver") for rev in ("v1", "v2")}
    trees = [(row, path) for path in packs_of(project) for row in rows_of(path) if row.kind is pack.ObjectKind.TREE]
    row, path = next((row, path) for row, path in trees if any(str(row.oid) in top for top in tops))
    flip(path, row.offset + pack.FRAME_HEADER_SIZE)
    (bad,) = look(project).bad
    (path,) = bad.affected
    assert (path.path, path.below) == (b"data", True)
    assert len(path.commits.names) == 1


@pytest.mark.parametrize("link", ["copy", "hardlink"])
def test_the_workspace_is_a_source(tmp_path: Path, link: str) -> None:
    project = make(tmp_path / "repo", link)
    for path in packs_of(project):
        for row in rows_of(path):
            if row.stored_size:
                flip(path, row.offset + pack.FRAME_HEADER_SIZE)
    mended = look(project, repair=True)
    # The first version's own objects are nowhere: the workspace has the second one.
    assert {path for bad in mended.lost for path in [one.path for one in bad.affected]} <= {
        b"data", b"data/a", b"data/sub", b"data/sub/big"
    }  # fmt: skip
    assert {one.commits.names for bad in mended.lost for one in bad.affected} == {("v1",)}
    assert look(project).is_well
    project.checkout_to(tmp_path / "out", "data", rev="v2")
    assert (tmp_path / "out/data/sub/big").read_bytes() == V2["data/sub/big"]


def test_a_store_that_was_deleted_comes_back_from_the_workspace(project: Project, tmp_path: Path) -> None:
    shutil.rmtree(project.store)
    found = look(project)
    assert found.is_well  # nothing is damaged
    assert {one.path for one in found.missing} == {b"data", b"alone.bin"}
    mended = look(project, repair=True)
    assert mended.is_well
    assert mended.recovered
    project.checkout_to(tmp_path / "out", rev="v2")
    assert (tmp_path / "out/data/sub/big").read_bytes() == V2["data/sub/big"]
    assert not [one for one in look(project).missing if one.oid in {bad.oid for bad in mended.recovered}]


def test_another_clones_store_is_a_source(project: Project, tmp_path: Path) -> None:
    shutil.copytree(project.root, tmp_path / "other")
    shutil.rmtree(project.root / "data")
    (project.root / "alone.bin").unlink()
    for path in sorted(project.store.rglob("*")):
        if path.is_file():
            damage(path, lambda content: content.__setitem__(slice(len(content) // 2, None), b""))
    assert not look(project, repair=True, dry_run=True).is_well
    mended = look(project, repair=True, other=tmp_path / "other")
    assert mended.is_well, mended
    assert not look(project).missing
    assert_versions(project, tmp_path / "out")


def test_a_dry_run_says_where_copies_are_and_changes_nothing(pushed: Project) -> None:
    for path in packs_of(pushed):
        flip(path, rows_of(path)[0].offset + pack.FRAME_HEADER_SIZE)
    before = listing(pushed.store)
    planned = look(pushed, repair=True, dry_run=True)
    assert {bad.source for bad in planned.bad} == {"the remote origin"}
    assert not planned.is_well
    assert listing(pushed.store) == before


def test_what_has_no_copy_is_lost_and_the_rest_is_kept(tmp_path: Path) -> None:
    project = make(tmp_path / "repo", "copy")
    shutil.rmtree(project.root / "data")
    (path,) = [path for path in packs_of(project) if any(row.raw_size == 350 for row in rows_of(path))]
    (row,) = [row for row in rows_of(path) if row.raw_size == 350]
    flip(path, row.offset + pack.FRAME_HEADER_SIZE)
    mended = look(project, repair=True)
    assert [bad.oid for bad in mended.lost] == [row.oid]
    assert not mended.is_well
    after = look(project)
    assert not after.damages
    assert {one.oid for one in after.missing} == {row.oid}
    aside = list((project.store / "trash").glob("*/damaged/*.pack"))
    assert [one.name for one in aside] == [path.name]


def test_a_repaired_pack_is_the_same_byte_for_byte(pushed: Project, tmp_path: Path) -> None:
    good = listing(pushed.store / "packs")
    for path in packs_of(pushed):
        row = next(row for row in rows_of(path) if row.stored_size)
        flip(path, row.offset + pack.FRAME_HEADER_SIZE)
    assert look(pushed, repair=True).is_well
    assert listing(pushed.store / "packs") == good


def test_what_was_never_fetched_is_no_damage(pushed: Project, tmp_path: Path, run: Run) -> None:
    git("clone", "--quiet", pushed.root, tmp_path / "clone", cwd=tmp_path)
    result = run("fsck", cwd=tmp_path / "clone")
    assert "not in the store (never fetched, or removed): 3 objects" in result.out
    assert "fetch" in result.err


def test_stray_files_are_told(project: Project) -> None:
    spaced = f"loose/ab/{'cd' * 30}  "  # `bytes.fromhex` skips spaces
    write(project.store, {"packs/notes.txt": b"", "loose/zz": b"", "loose/ab/cd": b"", spaced: b"", "extra": b""})
    found = look(project)
    assert found.is_well
    assert found.stray_files == ("extra", "loose/ab/cd", spaced, "loose/zz", "packs/notes.txt")


def test_a_malformed_pointer_in_the_history_is_told_with_its_commits(project: Project) -> None:
    good = (project.root / "data.dver").read_bytes()
    (project.root / "data.dver").write_text("version: 1\noid: none\n")
    project.git("add", "data.dver")
    project.commit("break it")
    project.git("tag", "broken")
    (project.root / "data.dver").write_bytes(good)
    project.git("add", "data.dver")
    project.commit("mend it")
    found = look(project)
    assert not found.is_well
    (one,) = found.unreadable
    assert (one.path, one.commits.names, one.in_workspace) == (b"data.dver", ("broken",), False)


def test_a_sample_reads_a_part_and_always_the_footers(tmp_path: Path) -> None:
    project = make(tmp_path / "repo", "copy")
    with project.opened() as repo:
        whole = fsck(repo, cwd=project.root)
        part = fsck(repo, cwd=project.root, fraction=0.05, seed=3)
        again = fsck(repo, cwd=project.root, fraction=0.05, seed=3)
    assert 0 < part.size < whole.size
    assert part == again
    path = packs_of(project)[0]
    flip(path, path.stat().st_size - pack.TRAILER_SIZE - 1)
    with project.opened() as repo:
        found = fsck(repo, cwd=project.root, fraction=0.0001, seed=3)
    assert DamagedPart.FOOTER in {one.part for one in found.damages}


def test_the_command_line_tells_and_exits_with_6(project: Project, run: Run) -> None:
    assert run("fsck", cwd=project.root).out.endswith("no errors\n")
    path = packs_of(project)[0]
    row = next(row for row in rows_of(path) if row.stored_size)
    flip(path, row.offset + pack.FRAME_HEADER_SIZE)
    result = run("fsck", cwd=project.root, rc=6)
    assert f"damaged frame in packs/{path.name}" in result.out
    assert run("fsck", "--json", cwd=project.root, rc=6).json["damages"][0]["part"] == "frame"
    assert "a good copy is in" in run("fsck", "--repair", "--dry-run", cwd=project.root, rc=6).out
    run("fsck", "--repair", cwd=project.root, rc=None)
    assert run("fsck", "--sample", "50%", "--seed", "1", cwd=project.root).out.endswith("no errors\n")
    run("fsck", "--sample", "0%", cwd=project.root, rc=2)
    run("fsck", "--dry-run", cwd=project.root, rc=2)
    shutil.rmtree(project.store)
    run("fsck", "--repair", "--from", "nowhere", cwd=project.root, rc=2)


def test_what_only_a_reflog_or_a_stash_or_another_worktree_needs_is_named(tmp_path: Path) -> None:
    project = make(tmp_path / "repo", "copy")
    project.git("worktree", "add", "--quiet", tmp_path / "beside", "v1")
    (tmp_path / "beside/data").mkdir()
    (tmp_path / "beside/data/only").write_bytes(b"only beside\n")
    Project(tmp_path / "beside").add("data", force=True)
    write(project.root, {"data/stashed": b"stashed away\n"})
    project.add("data")
    project.git("stash", "--quiet")
    write(project.root, {"data/stashed": b"forgotten, too\n"})
    project.add("data", force=True)
    project.commit("forgotten")
    project.git("reset", "--quiet", "--hard", "HEAD^")
    sizes = {len(b"only beside\n"), len(b"stashed away\n"), len(b"forgotten, too\n")}
    for path in packs_of(project):
        for row in rows_of(path):
            if row.raw_size in sizes:
                flip(path, row.offset + pack.FRAME_HEADER_SIZE)
    found = look(project)
    assert {one.path for bad in found.bad for one in bad.affected} == {b"data/only", b"data/stashed"}
    assert len(found.bad) == 3
    assert all(bad.affected for bad in found.bad)
    assert not found.warnings


def test_a_recipe_goes_with_its_lost_chunk_so_that_the_file_can_be_added_again(tmp_path: Path) -> None:
    project = make(tmp_path / "repo", "copy")
    shutil.move(project.root / "data", tmp_path / "data")
    (project.root / "alone.bin").unlink()
    rows = [(row, path) for path in packs_of(project) for row in rows_of(path)]
    row, path = max(rows, key=lambda one: one[0].stored_size)
    flip(path, row.end - 1)
    assert [bad.oid for bad in look(project, repair=True).lost] == [row.oid]
    after = look(project)
    assert not after.damages
    assert {one.path for one in after.missing} <= {b"data/sub/big", b"alone.bin"}
    assert after.missing
    shutil.move(tmp_path / "data", project.root / "data")
    write(project.root, {"alone.bin": V2["alone.bin"]})
    project.add("data", "alone.bin")
    assert not [one for one in look(project).missing if one.path == b"alone.bin"]


def test_what_is_no_file_is_found_and_replaced(pushed: Project) -> None:
    good = listing(pushed.store / "packs")
    spoilt = [*packs_of(pushed), *(pushed.store / "loose").glob("*/*")]
    for path in spoilt:
        path.unlink()
        path.mkdir()
    found = look(pushed)
    assert {one.file for one in found.damages} == {os.fspath(path.relative_to(pushed.store)) for path in spoilt}
    assert look(pushed, repair=True).is_well
    after = look(pushed)
    assert (after.damages, after.missing) == ((), ())
    assert listing(pushed.store / "packs") == good

"""A store that several clones and users have in common: permissions, leftovers without locks, and the register."""

from __future__ import annotations

import fcntl
import os
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from users import ANN, BOB, REAL, STRANGER, TEAM

from dver.core.errors import ConflictError, CorruptError, LocalIOError, MissingObjectError
from dver.core.oid import Oid
from dver.core.platform.processes import process_space
from dver.formats.pack import Codec, ObjectKind
from dver.store import registered_clones
from dver.store.objects import file_creation
from dver.store.objects.database import Database
from dver.store.objects.file_creation import DAY, FOLDER_BITS, PRIVATE, ScratchDirectory, Sharing
from dver.store.objects.frames import ObjectLocation
from dver.store.objects.loose import LinkMode
from dver.store.objects.packs import PackReader, PackWriter, pack_file_name
from dver.store.registered_clones import CloneState, RegisteredClone, forget, list_clones
from dver.store.store import Store
from dver.store.trash.batch import open_batch
from dver.store.writer import LARGE, StoreWriter


@pytest.fixture
def team() -> Iterator[Path]:
    """A folder that every user of the machine can reach, and the team can write to."""
    with tempfile.TemporaryDirectory(prefix="dver-test-team-") as name:
        folder = Path(name)
        if REAL:
            os.chown(folder, -1, TEAM)
        folder.chmod(0o2775)
        yield folder


def make_clone(folder: Path, name: str) -> Path:
    git_dir = folder / name / ".git"
    git_dir.mkdir(parents=True, exist_ok=True)
    (git_dir / "HEAD").touch()
    return git_dir


def open_store(root: Path, git_dir: Path, shared: str = "group") -> Store:
    return Store(root, Database(git_dir / "dver" / "index.db"), Sharing(FOLDER_BITS[shared], git_dir))


def keep(store: Store, *contents: bytes) -> list[Oid]:
    blobs = [(Oid.of(content), content) for content in contents]
    with StoreWriter(store) as writer:
        writer.add_blobs(blobs)
    return [oid for oid, _ in blobs]


def keep_loose(store: Store, content: bytes) -> Oid:
    oid = Oid.of(content)
    with StoreWriter(store) as writer:
        writer.add_loose(oid, [content])
    return oid


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# -- permissions


@pytest.mark.parametrize("umask", [0o077, 0o022, 0o002])
@pytest.mark.parametrize("shared", ["no", "group", "all"])
def test_what_is_made_gets_the_permissions_that_were_asked_for_whatever_the_umask(
    tmp_path: Path, umask: int, shared: str
) -> None:
    before = os.umask(umask)
    try:
        store = open_store(tmp_path / "deep" / "store", make_clone(tmp_path, "a"), shared)
        keep(store, b"one")
        keep_loose(store, b"large" * LARGE)
    finally:
        os.umask(before)
    folders = [path for path in (store.root, *store.root.rglob("*")) if path.is_dir()]
    assert {path.name for path in folders} >= {"store", "packs", "loose", "tmp", "clones"}
    bits = {"no": 0, "group": 0o2070, "all": 0o2075}[shared]
    assert {mode(path) & ~0o2000 for path in folders} == {(0o777 & ~umask | bits) & ~0o2000}
    assert all(mode(path) & 0o2000 for path in folders) or shared == "no"
    files = [path for path in store.root.rglob("*") if path.is_file()]
    assert len(files) == 3
    assert {mode(path) for path in files} == {0o444}


def test_folders_that_are_there_stay_as_they_are(tmp_path: Path) -> None:
    store = open_store(tmp_path / "store", make_clone(tmp_path, "a"))
    for folder in (store.root, store.packs):
        folder.mkdir(mode=0o700)
    keep(store, b"one")
    assert [mode(folder) for folder in (store.root, store.packs)] == [0o700, 0o700]


def test_a_folder_has_its_permissions_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    rename = os.rename
    monkeypatch.setattr(os, "rename", lambda *names: (seen.append(mode(Path(names[0]))), rename(*names)))
    before = os.umask(0o077)
    try:
        ScratchDirectory(tmp_path, Sharing(FOLDER_BITS["group"], tmp_path)).make_folder(tmp_path / "a" / "b")
    finally:
        os.umask(before)
    assert [one & 0o770 for one in seen] == [0o770, 0o770]
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a", "b"]


def test_a_new_folder_that_another_process_replaces_by_its_own_is_used_all_the_same(tmp_path: Path) -> None:
    store = tmp_path / "store"
    others = [tmp_path / "one", tmp_path / "two"]
    for other in others:
        other.mkdir()

    def write() -> int:
        folder = os.open(store, os.O_RDONLY | os.O_DIRECTORY)
        if others:
            others.pop().rename(store)  # which takes the place of an empty one, and that is then a dead end
        try:
            return os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=folder)
        finally:
            os.close(folder)

    os.close(ScratchDirectory(store).within(store, write))
    assert not others
    assert os.listdir(store) == ["file"]


def test_what_is_gone_is_not_looked_for_for_ever(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        ScratchDirectory(tmp_path).within(
            tmp_path / "new", lambda: os.rename(tmp_path / "gone", tmp_path / "new" / "file")
        )


def test_users_keep_and_read_in_one_store_whatever_their_umasks(team: Path) -> None:
    root = team / "store"
    oids = [Oid.of(b"ann"), Oid.of(b"bob"), Oid.of(b"L" * LARGE * 2)]

    def ann() -> None:
        store = open_store(root, make_clone(Path(tempfile.mkdtemp(dir=team)), "ann"))
        keep(store, b"ann")
        keep_loose(store, b"L" * LARGE * 2)

    def bob() -> None:
        store = open_store(root, make_clone(Path(tempfile.mkdtemp(dir=team)), "bob"))
        assert store.read(oids[0]) == b"ann"
        assert len(store.read(oids[2])) == LARGE * 2
        keep(store, b"bob")

    def both() -> None:
        store = open_store(root, make_clone(Path(tempfile.mkdtemp(dir=team)), "both"))
        assert store.present(oids) == set(oids)
        assert store.read(oids[1]) == b"bob"

    ANN.run(ann)
    before = {path: (path.stat().st_uid, path.stat().st_mode, path.stat().st_ino) for path in root.rglob("*")}
    BOB.run(bob)
    after = {path: (path.stat().st_uid, path.stat().st_mode, path.stat().st_ino) for path in before}
    assert after == before
    ANN.run(both)
    if REAL:
        assert {path.stat().st_uid for path in root.rglob("*")} == {ANN.number, BOB.number}
        assert {path.stat().st_gid for path in root.rglob("*") if path.is_dir()} == {TEAM}


def test_what_somebody_else_keeps_loose_is_not_replaced_by_the_same(team: Path) -> None:
    content = b"L" * LARGE * 2
    store = open_store(team / "store", make_clone(team, "ann"))
    before = store.loose.path(Oid.of(content))

    def add() -> None:
        file = Path(tempfile.mkdtemp(dir=team)) / "file"
        file.write_bytes(content)
        own = open_store(team / "store", make_clone(file.parent, "clone"))
        for kind in (LinkMode.SYMLINK, LinkMode.HARDLINK):
            with StoreWriter(own) as writer, open(file, "rb") as source:
                oid = writer.add_large(source.fileno(), kind, path=os.fsencode(file))
            assert oid == Oid.of(content)
        assert list(own.scratch.folder.iterdir()) == []

    ANN.run(add)
    inode = before.stat().st_ino
    BOB.run(add)
    assert (before.stat().st_ino == inode) is REAL
    assert mode(before) == 0o444


def test_a_hard_link_to_somebody_elses_file_is_never_kept(team: Path) -> None:
    file = team / "file"
    file.write_bytes(b"L" * LARGE * 2)
    file.chmod(0o664)

    def add() -> None:
        store = open_store(team / "store", make_clone(team, "clone"))
        with StoreWriter(store) as writer, open(file, "rb") as source:
            writer.add_large(source.fileno(), LinkMode.HARDLINK, path=os.fsencode(file))

    BOB.run(add)
    assert file.stat().st_nlink == (1 if REAL else 2)
    assert mode(file) == (0o664 if REAL else 0o444)


def test_a_folder_that_others_made_for_themselves_is_named_with_owner_and_remedy(team: Path) -> None:
    root = team / "store"

    def ann() -> None:
        keep(open_store(root, make_clone(Path(tempfile.mkdtemp(dir=team)), "ann"), "no"), b"ann")
        root.chmod(0o755)
        (root / "packs").chmod(0o555)

    def bob() -> None:
        store = open_store(root, make_clone(Path(tempfile.mkdtemp(dir=team)), "bob"))
        with pytest.raises(LocalIOError) as caught:
            keep(store, b"bob")
        assert str(root) in caught.value.what
        assert "its mode " in str(caught.value.why)
        if REAL:
            assert f"user {ANN.number}" in str(caught.value.why)
            assert "chmod g+rwxs" in str(caught.value.fix)

    ANN.run(ann)
    BOB.run(bob)


def test_strangers_are_told_to_join_the_group(team: Path) -> None:
    BOB.run(lambda: keep(open_store(team / "store", make_clone(team, "bob")), b"bob"))

    def stranger() -> None:
        clone = make_clone(Path(tempfile.mkdtemp()), "stranger")
        store = open_store(team / "store", clone)
        assert store.read(Oid.of(b"bob")) == b"bob"
        if REAL:
            with pytest.raises(LocalIOError) as caught:
                keep(store, b"new")
            assert f"become a member of the group number {TEAM}" in str(caught.value.fix)

    STRANGER.run(stranger)


# -- leftovers, without a lock


def test_no_lock_is_held_in_a_store_that_others_use(tmp_path: Path) -> None:
    common = ScratchDirectory(tmp_path / "tmp", Sharing(0, tmp_path))
    path, fd = common.create("pack")
    with open(path, "rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(fd)
    assert common.count_leftovers() == 0
    common.clear_leftovers()
    assert path.exists()


def test_the_clones_own_store_knows_leftovers_by_their_locks(tmp_path: Path) -> None:
    own = ScratchDirectory(tmp_path / "tmp", PRIVATE)
    path, fd = own.create("pack")
    assert own.count_leftovers() == 0
    own.clear_leftovers()
    assert path.exists()
    os.close(fd)
    assert own.count_leftovers() == 1
    own.clear_leftovers()
    assert list(own.folder.iterdir()) == []


def test_what_nobody_has_touched_for_a_day_is_left_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    common = ScratchDirectory(tmp_path / "tmp", Sharing(0, tmp_path))
    path, fd = common.create("pack")
    os.close(fd)
    os.utime(path, (0, 0))  # the time of the user's own file, where that was linked
    (common / "mine").touch()
    (common / file_creation.temporary_name("trash")).mkdir()
    (common / file_creation.temporary_name("trash") / "below").parent.mkdir()
    assert common.count_leftovers() == 0
    monkeypatch.setattr(file_creation, "DAY", -1)
    assert common.count_leftovers() == 3
    common.clear_leftovers()
    assert [file.name for file in common.folder.iterdir()] == ["mine"]


def test_the_clock_of_the_disk_tells_the_age_and_not_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    common = ScratchDirectory(tmp_path / "tmp", Sharing(0, tmp_path))
    path, fd = common.create("pack")
    os.close(fd)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 30 * DAY)
    assert common.count_leftovers() == 0
    common.clear_leftovers()
    assert [path] == list(common.folder.iterdir())


def test_a_pack_that_was_cleared_while_it_was_written_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    store = open_store(tmp_path / "store", make_clone(tmp_path, "a"))
    writer = StoreWriter(store)
    writer.add_blobs([(Oid.of(b"one"), b"one")])
    for file in store.scratch.folder.iterdir():
        file.unlink()
    with pytest.raises(LocalIOError, match="vanished") as caught:
        writer.finish()
    assert caught.value.fix == "run the same command again"
    assert Oid.of(b"one") not in store


# -- the register


def entries(root: Path) -> list[Path]:
    return sorted((root / "clones").iterdir())


def test_clones_are_listed_from_their_first_use(tmp_path: Path) -> None:
    root = tmp_path / "store"
    for name in ("b", "a"):
        keep(open_store(root, make_clone(tmp_path, name)), name.encode())
    found = list_clones(root)
    assert [clone.git_dir for clone in found] == [tmp_path / "a/.git", tmp_path / "b/.git"]
    assert {(clone.state, clone.host) for clone in found} == {(CloneState.PRESENT, os.uname().nodename)}
    assert all(abs(clone.seen - time.time()) < DAY for clone in found)
    assert list((root / "tmp").iterdir()) == []


def test_the_register_is_written_at_most_once_a_day(tmp_path: Path) -> None:
    root, git_dir = tmp_path / "store", make_clone(tmp_path, "a")
    keep(open_store(root, git_dir), b"one")
    (entry,) = entries(root)
    first = entry.stat().st_ino
    keep(open_store(root, git_dir), b"two")
    assert entry.stat().st_ino == first
    os.utime(entry, (time.time() - 2 * DAY,) * 2)
    keep(open_store(root, git_dir), b"three")
    assert entries(root) == [entry]
    assert time.time() - entry.stat().st_mtime < DAY


def test_a_reader_stands_in_the_register_where_it_can_and_reads_where_it_cannot(tmp_path: Path) -> None:
    root = tmp_path / "store"
    keep(open_store(root, make_clone(tmp_path, "a")), b"one")
    store = open_store(root, make_clone(tmp_path, "b"))
    store.register_clone()
    assert len(entries(root)) == 2
    open_store(tmp_path / "none", make_clone(tmp_path, "c")).register_clone()
    assert not (tmp_path / "none").exists()
    (tmp_path / "home").mkdir()
    open_store(tmp_path / "home", make_clone(tmp_path, "d")).register_clone()
    assert list((tmp_path / "home").iterdir()) == []


def test_a_clone_that_is_gone_or_moved_or_copied_is_recognised(tmp_path: Path) -> None:
    root = tmp_path / "store"
    for name in ("gone", "moved", "copied"):
        keep(open_store(root, make_clone(tmp_path, name)), name.encode())
    subprocess.run(["rm", "-r", tmp_path / "gone"], check=True)
    (tmp_path / "moved").rename(tmp_path / "new place")
    subprocess.run(["cp", "-r", tmp_path / "copied", tmp_path / "copy"], check=True)
    for name in ("new place", "copy"):
        open_store(root, tmp_path / name / ".git").register_clone()
    states = {clone.git_dir.parent.name: clone.state for clone in list_clones(root)}
    assert states == {
        "gone": CloneState.GONE,
        "moved": CloneState.GONE,
        "new place": CloneState.PRESENT,
        "copied": CloneState.PRESENT,
        "copy": CloneState.PRESENT,
    }


def test_a_clone_has_one_mark_that_all_may_read_and_a_damaged_one_is_made_again(tmp_path: Path) -> None:
    root, git_dir = tmp_path / "store", make_clone(tmp_path, "a")
    before = os.umask(0o077)
    try:
        keep(open_store(root, git_dir), b"one")
    finally:
        os.umask(before)
    mark = git_dir / "dver" / "clone"
    assert mode(mark) == 0o444
    first = mark.read_bytes()
    (entries(root)[0]).unlink()
    keep(open_store(root, git_dir), b"two")
    assert mark.read_bytes() == first
    mark.unlink()
    mark.write_bytes(b"scribbles")
    keep(open_store(root, git_dir), b"three")
    assert len(mark.read_bytes()) == 33
    assert {clone.git_dir for clone in list_clones(root)} == {git_dir}


_MARKER = """
import sys
from pathlib import Path
from dver.store.registered_clones import register
from dver.store.objects.file_creation import ScratchDirectory, Sharing
root, git_dir = map(Path, sys.argv[1:])
register(root, ScratchDirectory(root / "tmp", Sharing(0, git_dir)))
"""


def test_processes_that_use_a_store_first_at_once_make_one_entry(tmp_path: Path) -> None:
    root, git_dir = tmp_path / "store", make_clone(tmp_path, "a")
    command = [sys.executable, "-c", _MARKER, os.fspath(root), os.fspath(git_dir)]
    processes = [subprocess.Popen(command) for _ in range(6)]
    assert [process.wait(60) for process in processes] == [0] * 6
    assert len(entries(root)) == 1


def on_another_host(entry: Path) -> None:
    content = entry.read_bytes().replace(os.uname().nodename.encode(), b"another")
    entry.chmod(0o644)
    entry.write_bytes(content)


def test_a_clone_of_another_machine_is_recognised_by_its_mark_alone(tmp_path: Path) -> None:
    root = tmp_path / "store"
    git_dir = make_clone(tmp_path, "a")
    keep(open_store(root, git_dir), b"one")
    on_another_host(entries(root)[0])
    assert [clone.state for clone in list_clones(root)] == [CloneState.PRESENT]
    (git_dir / "dver" / "clone").unlink()
    (git_dir / "dver" / "clone").write_text("0" * 32)
    assert [clone.state for clone in list_clones(root)] == [CloneState.ELSEWHERE]
    (git_dir / "dver" / "clone").unlink()
    assert [clone.state for clone in list_clones(root)] == [CloneState.ELSEWHERE]
    subprocess.run(["rm", "-r", git_dir], check=True)
    assert [clone.state for clone in list_clones(root)] == [CloneState.ELSEWHERE]


def test_a_clone_at_the_path_of_another_is_not_taken_for_it(tmp_path: Path) -> None:
    """Also in two containers that have the same host name and paths."""
    root = tmp_path / "store"
    keep(open_store(root, make_clone(tmp_path, "a")), b"one")
    (first,) = list_clones(root)
    (tmp_path / "a").rename(tmp_path / "moved")
    keep(open_store(root, make_clone(tmp_path, "a")), b"two")
    states = {clone.mark: clone.state for clone in list_clones(root)}
    assert len(states) == 2
    assert states.pop(first.mark) is CloneState.REPLACED
    assert list(states.values()) == [CloneState.PRESENT]
    assert [clone.mark for clone in registered_clones.find_clones(root, "a", tmp_path)] == [first.mark]


def test_a_repository_without_a_mark_is_no_registered_clone(tmp_path: Path) -> None:
    root = tmp_path / "store"
    keep(open_store(root, make_clone(tmp_path, "a")), b"one")
    subprocess.run(["rm", "-r", tmp_path / "a"], check=True)
    make_clone(tmp_path, "a")
    assert [clone.state for clone in list_clones(root)] == [CloneState.REPLACED]


def test_a_clone_that_this_user_may_not_look_into_is_closed(team: Path) -> None:
    def ann() -> None:
        git_dir = make_clone(team, "ann")
        keep(open_store(team / "store", git_dir), b"one")
        git_dir.chmod(0 if not REAL else 0o700)

    def look() -> None:
        states = [clone.state for clone in list_clones(team / "store")]
        assert states == [CloneState.UNREADABLE]

    ANN.run(ann)
    BOB.run(look)
    (team / "ann/.git").chmod(0o700)


def test_a_clone_can_be_forgotten_and_comes_back_when_it_is_used(tmp_path: Path) -> None:
    root = tmp_path / "store"
    for name in ("a", "b"):
        keep(open_store(root, make_clone(tmp_path, name)), name.encode())
    assert registered_clones.find_clones(root, "c", tmp_path) == []
    for place in (tmp_path / "a", tmp_path / "b/.git"):
        found = registered_clones.find_clones(root, str(place), tmp_path)
        assert [clone.git_dir.parent for clone in found] == [tmp_path / place.relative_to(tmp_path).parts[0]]
        assert registered_clones.find_clones(root, found[0].mark, tmp_path) == found
        forget(root, found)
    assert list_clones(root) == []
    open_store(root, tmp_path / "a/.git").register_clone()
    assert len(list_clones(root)) == 1


def test_the_clone_in_whose_git_directory_the_store_is_counts_from_the_first(tmp_path: Path) -> None:
    owner = make_clone(tmp_path, "owner")
    root = owner / "dver" / "store"
    assert not registered_clones.is_shared(root)
    keep(open_store(root, make_clone(tmp_path, "other")), b"one")
    assert registered_clones.is_shared(root)
    found: list[RegisteredClone] = list_clones(root)
    assert [(clone.git_dir, clone.entry is None) for clone in found] == [
        (tmp_path / "other/.git", False),
        (owner, True),
    ]


def test_an_entry_that_cannot_be_read_is_named_and_other_files_are_left_alone(tmp_path: Path) -> None:
    root = tmp_path / "store"
    keep(open_store(root, make_clone(tmp_path, "a")), b"one")
    (root / "clones" / "README").write_text("Ours.")
    assert len(list_clones(root)) == 1
    (root / "clones" / ("0" * 32)).write_text("{}")
    with pytest.raises(CorruptError, match="0" * 32) as caught:
        list_clones(root)
    assert "delete that file" in str(caught.value.fix)


# -- others at work


def test_a_gc_that_works_in_another_container_is_not_taken_for_dead(tmp_path: Path) -> None:
    """Host name and paths are the same there, and its process id is none here."""
    store = open_store(tmp_path / "store", make_clone(tmp_path, "a"))
    keep(store, b"one")
    with open_batch(store) as opened:
        owner = opened.batch.owner
        owner.chmod(0o644)
        owner.write_bytes(b"999999999@another boot-4026532000")
        with pytest.raises(ConflictError, match="another gc"), open_batch(store):
            pass
        owner.write_bytes(f"999999999@{process_space()}".encode())
        with open_batch(store) as second:
            assert [batch.name for batch in second.orphans] == [opened.batch.name]


def merge_packs(root: Path) -> None:
    """What a gc of another clone does: all packs become one."""
    old = sorted((root / "packs").iterdir())
    with PackWriter(ScratchDirectory(root / "tmp")) as writer:
        for path in old:
            name = Oid(bytes.fromhex(path.stem))
            with PackReader(path) as reader:
                for row in sorted(reader.rows(name), key=lambda row: row.offset):
                    writer.add_frame(row, reader.read(row.offset, row.frame_size))
        new = writer.move_to(root / "packs", writer.seal())
    for path in old:
        if path != new:
            path.unlink()


def two_packs(tmp_path: Path) -> tuple[Store, list[Oid], list[bytes]]:
    root = tmp_path / "store"
    writer = open_store(root, make_clone(tmp_path, "a"))
    contents = [f"content {number}".encode() for number in range(40)]
    oids = [*keep(writer, *contents[:20]), *keep(writer, *contents[20:])]
    return open_store(root, make_clone(tmp_path, "b")), oids, contents


def test_a_reader_goes_on_when_a_gc_puts_packs_together(tmp_path: Path) -> None:
    store, oids, contents = two_packs(tmp_path)
    found = store.locate(oids)
    reading = store.read_all(found)
    assert next(reading)[1] in contents
    store._frames.close()
    merge_packs(store.root)
    rest = list(reading)
    assert sorted(one.oid for one, _ in rest) == sorted(one.oid for one in found[1:])
    assert all(isinstance(content, bytes) and Oid.of(content) == one.oid for one, content in rest)
    assert store.read_found(found[0]) == contents[oids.index(found[0].oid)]


def test_a_reader_is_told_what_is_missing_when_its_pack_is_gone_for_good(tmp_path: Path) -> None:
    store, oids, _ = two_packs(tmp_path)
    found = store.locate(oids)
    for pack in store.packs.iterdir():
        pack.unlink()
    with pytest.raises(MissingObjectError, match=found[0].oid.short):
        store.read_found(found[0])
    with pytest.raises(MissingObjectError):
        list(store.read_all(found))


def test_a_chunked_blob_is_read_while_its_recipe_moves(tmp_path: Path) -> None:
    root = tmp_path / "store"
    content = os.urandom(3 * LARGE)
    with StoreWriter(open_store(root, make_clone(tmp_path, "a"))) as writer:
        oid = writer.add_stream([content])
    other = open_store(root, make_clone(tmp_path, "b"))
    keep(other, b"small")
    assert [one.codec for one in other.locate([oid])] == [Codec.CHUNKED]
    merge_packs(root)
    assert other.read(oid) == content


def move_packs_after_each_search(store: Store, monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    """Have a gc of another clone replace all packs each time that `store` has found where objects lie."""
    writer = open_store(store.root, make_clone(store.root.parent, "gc"))
    locate, moves = store.locate, iter(range(times))

    def locate_and_move(oids: Iterable[Oid]) -> list[ObjectLocation]:
        found = locate(oids)
        if (number := next(moves, None)) is not None:
            keep(writer, f"more {number}".encode())  # or the new pack would have the name of the old one
            merge_packs(store.root)
            store._frames.close()
        return found

    monkeypatch.setattr(store, "locate", locate_and_move)


def test_a_reader_goes_on_while_one_gc_after_the_other_moves_packs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, oids, contents = two_packs(tmp_path)
    large = os.urandom(3 * LARGE)
    with StoreWriter(open_store(store.root, make_clone(tmp_path, "c"))) as writer:
        chunked = writer.add_stream([large])
    move_packs_after_each_search(store, monkeypatch, 5)
    assert store.read_found(store.locate(oids[:1])[0]) == contents[0]
    move_packs_after_each_search(store, monkeypatch, 5)
    assert store.read(chunked) == large
    move_packs_after_each_search(store, monkeypatch, 5)
    assert {content for _, content in store.read_all(store.locate(oids))} == set(contents)


def test_a_reader_gives_up_when_packs_are_moved_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, oids, _ = two_packs(tmp_path)
    move_packs_after_each_search(store, monkeypatch, 1000)
    with pytest.raises(MissingObjectError, match="just been removed"):
        store.read(oids[0])


def test_a_loose_blob_that_vanishes_is_missing(tmp_path: Path) -> None:
    store = open_store(tmp_path / "store", make_clone(tmp_path, "a"))
    oid = keep_loose(store, b"L" * LARGE)
    assert oid in store
    store.loose.path(oid).unlink()
    with pytest.raises(MissingObjectError, match=oid.short):
        store.read(oid)


def test_the_same_pack_and_the_same_loose_blob_made_twice_are_one(tmp_path: Path) -> None:
    root = tmp_path / "store"
    stores = [open_store(root, make_clone(tmp_path, name)) for name in ("a", "b")]
    writers = [StoreWriter(store) for store in stores]
    for writer in writers:
        writer.add_blobs([(Oid.of(b"one"), b"one")])
        writer.add_loose(Oid.of(b"large"), [b"large"])
    for writer in writers:
        writer.finish()
    assert len(list(stores[0].packs.iterdir())) == 1
    for store in stores:
        assert (store.read(Oid.of(b"one")), store.read(Oid.of(b"large"))) == (b"one", b"large")


_WRITER = """
import sys
from pathlib import Path
from dver.core.oid import Oid
from dver.store.objects.database import Database
from dver.store.objects.frames import ObjectLocation
from dver.store.objects.file_creation import FOLDER_BITS, Sharing
from dver.store.store import Store
from dver.store.writer import StoreWriter
root, git_dir = map(Path, sys.argv[1:])
for turn in range(15):
    store = Store(root, Database(git_dir / "dver/index.db"), Sharing(FOLDER_BITS["group"], git_dir))
    contents = [b"%d of %d" % (number, turn) for number in range(50)]
    with StoreWriter(store) as writer:
        writer.add_blobs((Oid.of(one), one) for one in contents)
        writer.add_loose(Oid.of(b"large %d" % turn), [b"large %d" % turn])
    store.refresh()
    assert all(store.read(Oid.of(one)) == one for one in [*contents, b"large %d" % turn])
    store.close()
"""


def test_processes_that_keep_the_same_at_once_in_one_store_lose_nothing(tmp_path: Path) -> None:
    root = tmp_path / "store"
    dirs = [make_clone(tmp_path, name) for name in "abcd"]
    command = [sys.executable, "-c", _WRITER, os.fspath(root)]
    processes = [subprocess.Popen([*command, os.fspath(git_dir)], umask=0o077) for git_dir in dirs]
    assert [process.wait(120) for process in processes] == [0, 0, 0, 0]
    fresh = open_store(root, make_clone(tmp_path, "e"))
    for turn in range(15):
        assert all(fresh.read(Oid.of(b"%d of %d" % (number, turn))) for number in range(50))
    assert list(fresh.scratch.folder.iterdir()) == []
    assert len(list_clones(root)) == 4
    assert {mode(path) for path in root.rglob("*") if path.is_dir()} == {0o2770}


# -- many packs


def test_ten_thousand_packs_are_listed_once_and_not_for_each_object(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "store"
    (root / "packs").mkdir(parents=True)
    oids = []
    for number in range(10_000):
        content = b"%d" % number
        oids.append(Oid.of(content))
        with PackWriter(ScratchDirectory(root / "tmp")) as writer:
            writer.add(oids[-1], ObjectKind.BLOB, Codec.RAW, len(content), content)
            os.link(writer.path, root / "packs" / pack_file_name(writer.seal(durable=False)))
    store = open_store(root, make_clone(tmp_path, "a"))
    lists: list[str] = []
    listdir = os.listdir

    def counted(path: str = ".") -> list[str]:
        lists.append(os.fspath(path))
        return listdir(path)

    monkeypatch.setattr(os, "listdir", counted)
    assert store.present(oids) == set(oids)
    for number in range(0, 10_000, 50):
        assert store.read(oids[number]) == b"%d" % number
    assert Oid.of(b"absent") not in store
    assert lists.count(os.fspath(store.packs)) == 1
    assert len(lists) < 5


def test_many_loose_blobs_are_looked_for_by_listing_their_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(tmp_path / "store", make_clone(tmp_path, "a"))
    kept = [keep_loose(store, b"%d" % number) for number in range(3)]
    wanted = [Oid(kept[0][:1] + os.urandom(31)) for _ in range(500)]
    asked: list[object] = []
    isfile = os.path.isfile
    monkeypatch.setattr(os.path, "isfile", lambda path: (asked.append(path), isfile(path))[1])
    store.loose.refresh()
    assert store.loose.present([*wanted, *kept]) == set(kept)
    assert len(asked) < 50
    another = keep_loose(store, b"another")
    assert store.loose.present([another]) == {another}
    store.loose.path(kept[0]).unlink()
    store.loose.refresh()
    assert store.loose.present(kept) == set(kept[1:])

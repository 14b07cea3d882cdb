"""The index database is disposable: deleted, cut off, scribbled over or of another version, all commands still work."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support import Run
from workspaces import Project, write

from dver.core.oid import Oid
from dver.store.objects.database import Database
from dver.store.objects.packs import PackReader, PackWriter
from dver.store.store import Store
from dver.store.writer import StoreWriter

Harm = Callable[[Path, random.Random], None]


def delete(path: Path, chance: random.Random) -> None:
    path.unlink()


def empty(path: Path, chance: random.Random) -> None:
    path.write_bytes(b"")


def truncate(path: Path, chance: random.Random) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: chance.randrange(len(content) + 1)])


def rubbish(path: Path, chance: random.Random) -> None:
    path.write_bytes(chance.randbytes(chance.choice([1, 100, 4096, 50_000])))


def scribble(path: Path, chance: random.Random) -> None:
    content = bytearray(path.read_bytes())
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(max(1, len(content)))
        length = chance.choice([16, 200, 4096])
        content[at : at + length] = chance.randbytes(length)
    path.write_bytes(content)


def zero_pages(path: Path, chance: random.Random) -> None:
    content = bytearray(path.read_bytes())
    for _ in range(3):
        at = chance.randrange(max(1, len(content) // 4096 + 1)) * 4096
        content[at : at + 4096] = bytes(len(content[at : at + 4096]))
    path.write_bytes(content)


HARMS = [delete, empty, truncate, rubbish, scribble, zero_pages]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.make(tmp_path / "repo")


def harm_all(project: Project, harm: Harm, chance: random.Random) -> None:
    for path in sorted((project.root / ".git/dver").glob("index.db*")):
        if chance.random() < 0.8:
            harm(path, chance)


@pytest.mark.parametrize("harm", HARMS)
@pytest.mark.parametrize("seed", range(4))
def test_every_command_works_whatever_happens_to_the_database_in_between(
    harm: Harm, seed: int, project: Project, tmp_path: Path
) -> None:
    chance = random.Random(seed)
    write(project.root, {f"data/d{n % 5}/f{n}": b"%d" % n * 50 for n in range(300)})
    project.add("data")
    harm_all(project, harm, chance)
    assert project.is_unchanged()
    first = project.commit()
    before = project.ls()
    harm_all(project, harm, chance)
    write(project.root, {"data/d0/f0": b"another", "data/new": b"new"})
    assert not project.is_unchanged()
    harm_all(project, harm, chance)
    second = project.save("data")
    after = project.ls()
    harm_all(project, harm, chance)
    assert {change.path for change in project.diff(first, second)} == {b"data/d0/f0", b"data/new"}
    harm_all(project, harm, chance)
    assert project.state().in_store
    for rev, wanted in ((first, before), (second, after)):
        harm_all(project, harm, chance)
        restored = project.switch(rev)
        assert restored.kept == restored.lost == ()
        assert project.ls() == wanted
    harm_all(project, harm, chance)
    (added,) = project.add("data").added
    assert not added.changed
    harm_all(project, harm, chance)
    clone = project.clone(tmp_path / "clone")
    assert clone.checkout().lost == ()
    assert clone.ls() == after


@pytest.mark.parametrize("harm", [delete, rubbish, zero_pages, truncate])
def test_the_real_commands_work_too(harm: Harm, project: Project, run: Run) -> None:
    chance = random.Random(5)
    write(project.root, {f"data/f{n}": b"%d" % n * 90 for n in range(200)})
    run("remote", "add", "-d", "origin", "../remote", cwd=project.root)
    for command in (
        ["add", "data"],
        ["status"],
        ["push"],
        ["push"],
        ["check", "available", "--remote"],
        ["diff"],
        ["ls", "-R", "data"],
        ["cat", "data/f7"],
        ["fetch"],
        ["checkout"],
        ["pull"],
        ["move", "data", "moved"],
        ["remove", "moved"],
    ):
        if command[0] == "push":
            project.commit()
        run(*command, cwd=project.root)
        harm_all(project, harm, chance)
    assert (project.root / "moved/f7").read_bytes() == b"7" * 90


def test_a_database_that_breaks_in_the_middle_of_a_command_is_begun_again(project: Project) -> None:
    write(project.root, {f"data/f{n}": b"%d" % n for n in range(50)})
    project.save("data")
    with project.opened() as repo:
        oids = [entry.oid for entry in repo.store.tree(repo.state.placed[b"data"][0].oid)]
        repo.database.rows("PRAGMA wal_checkpoint(TRUNCATE)")
        rubbish(repo.database.path, random.Random(1))
        assert repo.store.present(oids) == set(oids)
        assert repo.store.read(Oid.of(b"7")) == b"7"


def test_another_version_is_begun_again(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE objects (something INTEGER)")
        connection.execute("PRAGMA user_version = 999")
    connection.close()
    database = Database(path)
    assert database.rows("SELECT * FROM packs") == []
    database.close()


_OPENER = """
import sys
from pathlib import Path
from dver.store.objects.database import Database
database = Database(Path(sys.argv[1]))
for number in range(20):
    database.write("INSERT OR REPLACE INTO facts VALUES (?, 'x')", [(f"{sys.argv[2]}-{number}",)])
database.close()
"""


def test_many_processes_open_and_write_a_new_database_at_once(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    processes = [
        subprocess.Popen([sys.executable, "-c", _OPENER, path, str(n)], stderr=subprocess.PIPE) for n in range(6)
    ]
    errors = [process.communicate(timeout=100)[1] for process in processes]
    assert [process.returncode for process in processes] == [0] * 6, errors
    database = Database(path)
    assert database.rows("SELECT count(*) FROM facts") == [(120,)]
    database.close()


def interrupted(database: Database) -> None:
    with database.transaction():
        database.write("INSERT INTO facts VALUES ('a', 'x')", [()])
        raise KeyboardInterrupt


def test_a_transaction_is_all_or_nothing(tmp_path: Path) -> None:
    database = Database(tmp_path / "index.db")
    with pytest.raises(KeyboardInterrupt):
        interrupted(database)
    assert database.rows("SELECT * FROM facts") == []
    with database.transaction(), database.transaction():
        database.write("INSERT INTO facts VALUES ('a', 'x')", [()])
    assert database.rows("SELECT * FROM facts") == [("a", "x")]
    database.close()


def test_any_number_of_values_is_looked_up(tmp_path: Path) -> None:
    database = Database(tmp_path / "index.db")
    oids = [Oid.of(b"%d" % number) for number in range(3000)]
    database.write("INSERT INTO complete_roots VALUES (?)", [(bytes(oid),) for oid in oids[::2]])
    found = {Oid(oid) for (oid,) in database.rows_in("SELECT oid FROM complete_roots WHERE oid IN {in}", oids)}
    assert found == set(oids[::2])
    database.close()


def test_an_object_in_two_packs_is_found_when_one_of_them_goes(tmp_path: Path) -> None:
    """As a gc leaves it, between putting the new pack in place and taking the old one away."""
    made = Store(tmp_path / "store", Database(tmp_path / "a.db"))
    packs = []
    for number in range(2):
        with StoreWriter(made) as writer:
            writer.add_blobs([(Oid.of(b"%d" % number), b"%d" % number)])
    old = sorted(made.packs.iterdir())
    with PackWriter(made.scratch) as packing:
        for path in old:
            name = Oid(bytes.fromhex(path.stem))
            with PackReader(path) as reader:
                for row in reader.rows(name):
                    packing.add_frame(row, reader.read(row.offset, row.frame_size))
        new = packing.move_to(made.packs, packing.seal())
    for path in old:
        packs.append(path.rename(tmp_path / path.name))
    store = Store(tmp_path / "store", Database(tmp_path / "b.db"))
    oids = {Oid.of(b"0"), Oid.of(b"1")}
    assert store.present(oids) == oids
    for path in packs:  # learnt later, so that the database names these
        path.rename(made.packs / path.name)
    store.refresh()
    assert store.present(oids) == oids
    for path in old:
        path.unlink()
    store.refresh()
    assert store.present(oids) == oids
    assert {store.index.pack_path(found.pack) for found in store.locate(oids)} == {new}


# -- a disk that takes no writes


def refuse_writes(database: Database) -> None:
    """From now on no page can be added, as on a full disk."""
    (size,) = database.rows("PRAGMA page_count")[0]
    database.rows(f"PRAGMA max_page_count = {size}")


def test_on_a_full_disk_a_database_goes_on_in_memory_with_all_that_it_held(tmp_path: Path) -> None:
    database = Database(tmp_path / "index.db")
    database.write("INSERT INTO facts VALUES (?, ?)", [("before", "1")])
    refuse_writes(database)
    with database.transaction():
        database.write("INSERT INTO facts VALUES (?, ?)", [(f"key {n}", "x" * 1000) for n in range(500)])
    database.write("INSERT INTO facts VALUES (?, ?)", [("after", "2")])
    assert database.generation == 1
    assert dict(database.rows("SELECT key, value FROM facts WHERE key IN ('before', 'after')")) == {
        "before": "1",
        "after": "2",
    }
    assert Database(tmp_path / "index.db").rows("SELECT key FROM facts") == [("before",)]


def test_a_database_with_a_write_ahead_log_of_an_older_version_is_begun_again(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    old = sqlite3.connect(path)
    old.execute("PRAGMA journal_mode = WAL")
    old.execute("CREATE TABLE t (x)")
    old.close()
    database = Database(path)
    assert database.rows("SELECT count(*) FROM packs") == [(0,)]
    assert {one.name for one in tmp_path.iterdir()} <= {"index.db", "index.db-journal"}


def test_a_path_where_nothing_can_be_made_has_a_database_in_memory(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    database = Database(tmp_path / "file" / "index.db")
    database.write("INSERT INTO facts VALUES (?, ?)", [("key", "1")])
    assert database.rows("SELECT value FROM facts") == [("1",)]

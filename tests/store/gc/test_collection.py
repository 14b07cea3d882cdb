"""Taking out of the store what nobody needs: the plan, carrying it out, the trash, and what a crash leaves."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pytest
from datasets import Clone, files, put_dataset, read_dataset

from dver.core.errors import ConflictError, CorruptError
from dver.core.oid import Oid
from dver.formats import pack
from dver.formats.objectref import ObjectRef
from dver.formats.pack import Codec, ObjectKind, Row
from dver.store.gc import collection
from dver.store.gc.collection import GcPlan, LooseBlob, PackContent, plan_gc
from dver.store.gc.repack import PackPlan
from dver.store.objects.packs import PackReader, parse_pack_file_name
from dver.store.store import Store
from dver.store.trash import trash
from dver.store.trash.batch import open_batch
from dver.store.trash.guard import GcGuard
from dver.store.trash.trash import last_gc
from dver.store.writer import StoreWriter

BIG = 10 << 20


def oid(name: str) -> Oid:
    return Oid.of(name.encode())


def content(name: str, objects: dict[str, int], *, codec: Codec = Codec.ZSTD) -> PackContent:
    """A pack with objects of these stored sizes."""
    rows, at = [], len(pack.HEADER)
    for one, size in objects.items():
        rows.append(Row(oid(one), ObjectKind.BLOB, codec, at, size, size, 0))
        at = rows[-1].end
    return PackContent(oid(name), at + len(rows) * pack.ROW_SIZE + pack.TRAILER_SIZE + 9, sorted(rows))


def named(plans: Iterable[PackPlan]) -> set[Oid]:
    return {one.name for one in plans}


# -- the plan


def test_a_pack_of_which_nothing_is_needed_goes() -> None:
    packs = [content("p", {"a": BIG, "b": BIG}), content("q", {"c": BIG})]
    plan = plan_gc({oid("c")}, packs, [])
    assert named(plan.dead_packs) == {oid("p")}
    assert named(plan.kept) == {oid("q")}
    assert plan.objects == 2
    assert plan.size == packs[0].size


def test_a_pack_is_written_anew_where_less_than_half_is_needed() -> None:
    packs = [content("p", {"a": BIG, "b": 2 * BIG}), content("q", {"c": 2 * BIG, "d": BIG})]
    plan = plan_gc({oid("a"), oid("c")}, packs, [])
    assert named(plan.rewritten) == {oid("p")}
    assert named(plan.kept) == {oid("q")}
    assert 2 * BIG < plan.size < 2 * BIG + 500


def test_several_small_packs_become_one_and_a_few_stay() -> None:
    small = [content(f"p{number}", {f"a{number}": 1000}) for number in range(collection.SEVERAL)]
    live = {row.oid for one in small for row in one.rows}
    assert named(plan_gc(live, small, []).rewritten) == named(plan_gc(live, small, []).rewritten) != set()
    assert plan_gc(live, small[1:], []).empty
    assert named(plan_gc(live | {oid("big")}, [content("q", {"big": BIG}), *small], []).kept) == {oid("q")}


def test_a_recipe_that_nobody_needs_does_not_stay() -> None:
    rows = [*content("p", {"a": BIG}).rows, *content("p", {"recipe": 1000}, codec=Codec.CHUNKED).rows]
    plan = plan_gc({oid("a")}, [PackContent(oid("p"), BIG + 1300, rows)], [])
    assert named(plan.rewritten) == {oid("p")}


def test_a_pack_that_cannot_be_written_anew_stays() -> None:
    packs = [content("p", {"a": BIG, "b": 2 * BIG})]
    assert plan_gc({oid("a")}, packs, [], stuck={oid("p")}).empty
    assert named(plan_gc(set(), packs, [], stuck={oid("p")}).dead_packs) == {oid("p")}


def test_loose_blobs_go_that_nobody_needs() -> None:
    plan = plan_gc({oid("a")}, [], [LooseBlob(oid("a"), 5), LooseBlob(oid("b"), 7)])
    assert plan.dead_loose == (LooseBlob(oid("b"), 7),)
    assert (plan.objects, plan.size) == (1, 7)


def test_nothing_to_do_is_an_empty_plan() -> None:
    assert plan_gc(set(), [], []) == GcPlan()
    assert GcPlan().empty


# -- carrying it out


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return Clone(tmp_path)


def collect(
    store: Store, roots: Sequence[ObjectRef], late: Sequence[ObjectRef] = (), *, crash: bool = False
) -> collection.GcResult:
    """One gc that needs `roots`; of `late` ones it hears when all is moved. Then a `crash` ends it."""

    looks = 0

    def roots_now() -> list[tuple[Oid, ObjectKind]]:
        nonlocal looks
        looks += 1
        if crash and looks == 2:
            raise KeyboardInterrupt
        return [(root.oid, root.kind) for root in (*roots, *(late if looks == 2 else ()))]

    with open_batch(store) as batch:
        inventory = collection.take_inventory(store)
        needed = collection.find_reachable(store, [(root.oid, root.kind) for root in roots])
        return collection.collect(store, batch, inventory, needed, roots_now=roots_now)


def packs_in(store: Store) -> set[Oid]:
    return {name for name in map(parse_pack_file_name, os.listdir(store.packs)) if name is not None}


def oids_in(store: Store) -> set[Oid]:
    found: set[Oid] = set()
    for path in store.packs.iterdir():
        with PackReader(path) as reader:
            found.update(row.oid for row in reader.rows(parse_pack_file_name(path.name)))
    return found


def put_large(store: Store, seed: int, size: int = 3 << 20) -> ObjectRef:
    """A large blob as chunks."""
    import random

    with StoreWriter(store) as writer:
        made = writer.add_stream([random.Random(seed).randbytes(size)])
    return ObjectRef(made, ObjectKind.BLOB, b"large", size)


def test_what_is_needed_is_still_there_and_the_rest_is_gone(clone: Clone) -> None:
    keep, drop = files(30, seed=1), files(40, seed=2)
    kept, dropped = put_dataset(clone.store, keep), put_dataset(clone.store, drop)
    result = collect(clone.store, [kept])
    assert result.plan.objects == 40 + 4 + 1
    clone.open()
    assert read_dataset(clone.store, kept.oid) == keep
    assert dropped.oid not in clone.store
    assert not clone.store.find_missing([kept])
    assert collect(clone.store, [kept]).plan.empty


def test_a_pack_is_written_anew_trees_first_and_frame_by_frame(clone: Clone) -> None:
    keep = files(5, seed=1)
    with StoreWriter(clone.store) as writer:
        writer.add_blobs([(Oid.of(one), one) for one in files(50, seed=2).values()])
        kept = put_into(writer, keep)
    before = {row.oid: frame for row, frame in frames(clone.store)}
    collect(clone.store, [kept])
    after = list(frames(clone.store))
    assert {row.oid for row, _ in after} < before.keys()
    assert all(before[row.oid] == frame for row, frame in after)
    kinds = [row.kind for row, _ in sorted(after, key=lambda one: one[0].offset)]
    assert kinds == sorted(kinds, reverse=True)
    assert read_dataset(clone.store, kept.oid) == keep


def put_into(writer: StoreWriter, dataset: dict[str, bytes]) -> ObjectRef:
    from datasets import _put_directory

    entry = _put_directory(writer, b"", [(path.encode().split(b"/"), dataset[path]) for path in sorted(dataset)])
    return ObjectRef(entry.oid, ObjectKind.TREE, b"data", entry.size)


def frames(store: Store) -> list[tuple[Row, bytes]]:
    found = []
    for path in store.packs.iterdir():
        with PackReader(path) as reader:
            found += [
                (row, reader.read(row.offset, row.frame_size)) for row in reader.rows(parse_pack_file_name(path.name))
            ]
    return found


def test_many_small_packs_become_one(clone: Clone) -> None:
    roots = [put_dataset(clone.store, files(3, seed=seed)) for seed in range(6)]
    assert len(packs_in(clone.store)) == 6
    collect(clone.store, roots)
    assert len(packs_in(clone.store)) == 1
    assert not trash.batches(clone.store.trash)  # nothing is lost by that which could be brought back
    assert not clone.store.find_missing(roots)
    collect(clone.store, roots)
    assert len(packs_in(clone.store)) == 1


def test_chunks_of_a_recipe_are_needed_and_those_of_others_go(clone: Clone) -> None:
    kept, dropped = put_large(clone.store, 1), put_large(clone.store, 2)
    collect(clone.store, [kept])
    assert b"".join(clone.store.stream(kept.oid))
    assert dropped.oid not in clone.store
    assert len(oids_in(clone.store)) == len(next(clone.store.recipes([kept.oid]))[1].chunks) + 1


def test_a_recipe_never_stays_without_its_chunks_beside_a_damaged_frame(clone: Clone) -> None:
    with StoreWriter(clone.store) as writer:
        small = Oid.of(b"small")
        writer.add_blobs([(small, b"small")])
        dead = writer.add_stream([os.urandom(3 << 20)])
    (path,) = clone.store.packs.iterdir()
    with PackReader(path) as reader:
        row = next(row for row in reader.rows(parse_pack_file_name(path.name)) if row.oid == small)
    damage(path, row.offset + pack.FRAME_HEADER_SIZE)
    result = collect(clone.store, [ObjectRef(small, ObjectKind.BLOB)])
    assert result.damaged == (parse_pack_file_name(path.name),)
    assert result.plan.empty
    assert b"".join(clone.store.stream(dead))


def damage(path: Path, at: int) -> None:
    path.chmod(0o644)
    with open(path, "r+b") as file:
        file.seek(at)
        byte = file.read(1)
        file.seek(at)
        file.write(bytes((byte[0] ^ 1,)))


def test_a_damaged_frame_stops_the_rewriting_of_its_pack_alone(clone: Clone) -> None:
    kept = [put_dataset(clone.store, files(3, seed=seed)) for seed in range(6)]
    victim = min(clone.store.packs.iterdir())
    with PackReader(victim) as reader:
        blob = next(row for row in reader.rows(parse_pack_file_name(victim.name)) if row.kind is ObjectKind.BLOB)
    damage(victim, blob.end - 1)
    dropped = put_dataset(clone.store, files(3, seed=99))
    result = collect(clone.store, kept)
    assert result.damaged == (parse_pack_file_name(victim.name),)
    assert victim.exists()
    assert len(packs_in(clone.store)) == 2
    assert dropped.oid not in clone.store


def test_a_damaged_directory_or_footer_stops_it(clone: Clone) -> None:
    kept = put_dataset(clone.store, files(3, seed=1))
    (path,) = clone.store.packs.iterdir()
    with PackReader(path) as reader:
        row = next(row for row in reader.rows(parse_pack_file_name(path.name)) if row.oid == kept.oid)
    damage(path, row.end - 1)
    with pytest.raises(CorruptError):
        collect(clone.store, [kept])
    damage(path, row.end - 1)
    damage(path, path.stat().st_size - 100)
    with pytest.raises(CorruptError, match="pack"):
        collect(clone.store, [kept])
    assert not list(clone.store.trash.glob("2*"))


def test_loose_blobs_go_to_the_trash_and_come_back(clone: Clone, tmp_path: Path) -> None:
    content = os.urandom(2 << 20)
    with StoreWriter(clone.store) as writer:
        writer.add_loose(Oid.of(content), [content])
    collect(clone.store, [])
    assert Oid.of(content) not in clone.store
    assert [Oid.of(content)] == list(batch_of(clone.store).loose.all())
    trash.restore(clone.store, batch_of(clone.store))
    assert b"".join(clone.store.stream(Oid.of(content))) == content


def batch_of(store: Store) -> trash.Batch:
    (batch,) = trash.batches(store.trash)
    return batch


def test_restoring_a_batch_brings_everything_back(clone: Clone) -> None:
    dataset = files(20, seed=1)
    root, large = put_dataset(clone.store, dataset), put_large(clone.store, 1)
    collect(clone.store, [])
    assert not packs_in(clone.store)
    assert batch_of(clone.store).size() > 3 << 20
    assert trash.restore(clone.store, batch_of(clone.store)) == [large.oid]
    clone.open()
    assert read_dataset(clone.store, root.oid) == dataset
    assert b"".join(clone.store.stream(large.oid))


def test_what_is_deleted_for_good_is_gone_at_once(clone: Clone) -> None:
    put_dataset(clone.store, files(20, seed=1))
    collect(clone.store, [])
    assert trash.delete(clone.store, batch_of(clone.store)) > 20 * 300
    assert not trash.batches(clone.store.trash)
    assert not list(clone.store.scratch.folder.iterdir())


def test_roots_that_appear_while_things_are_moved_get_all_they_need_back(clone: Clone) -> None:
    dataset = files(20, seed=1)
    root, large = put_dataset(clone.store, dataset), put_large(clone.store, 1)
    collect(clone.store, [], late=[root, large])
    assert read_dataset(clone.store, root.oid) == dataset
    assert b"".join(clone.store.stream(large.oid))


def test_roots_that_appear_before_anything_is_moved_stay(clone: Clone) -> None:
    root = put_dataset(clone.store, files(20, seed=1))
    with open_batch(clone.store) as batch:
        inventory, needed = collection.take_inventory(clone.store), collection.find_reachable(clone.store, [])
        result = collection.collect(clone.store, batch, inventory, needed, roots_now=lambda: [(root.oid, root.kind)])
    assert result.plan.empty
    assert last_gc(clone.store.trash) == b""


def test_a_directory_that_comes_after_the_look_keeps_what_it_names(clone: Clone) -> None:
    dataset = files(20, seed=1)
    root = put_dataset(clone.store, dataset)
    (path,) = clone.store.packs.iterdir()
    away = path.with_suffix(".away")
    # The root's own tree lies in another pack, which is fetched while the gc is at work.
    with PackReader(path) as reader:
        row = next(row for row in reader.rows(parse_pack_file_name(path.name)) if row.oid == root.oid)
        frame = reader.read(row.offset, row.frame_size)
    with StoreWriter(other := Clone(clone.folder / "other").store) as writer:
        writer.add_frame(row, frame)
    path.rename(away)
    with StoreWriter(clone.store) as writer:
        writer.add_blobs([(Oid.of(one), one) for one in dataset.values()])
    (late,) = other.packs.iterdir()
    roots = [(root.oid, root.kind)]
    with open_batch(clone.store) as batch:
        inventory, needed = collection.take_inventory(clone.store), collection.find_reachable(clone.store, roots)
        assert list(needed.missing) == [(root.oid, ObjectKind.TREE)]
        away.rename(path)  # with all trees
        late.rename(clone.store.packs / late.name)
        collection.collect(clone.store, batch, inventory, needed, roots_now=lambda: roots)
    assert read_dataset(clone.store, root.oid) == dataset


def test_a_second_gc_at_the_same_time_is_refused(clone: Clone) -> None:
    with open_batch(clone.store), pytest.raises(ConflictError, match="another gc"):
        collect(clone.store, [])
    assert not trash.batches(clone.store.trash)


def test_a_gc_that_died_before_it_looked_again_is_finished_by_the_next(clone: Clone) -> None:
    dataset = files(20, seed=1)
    root, dropped = put_dataset(clone.store, dataset), put_dataset(clone.store, files(9, seed=2))
    with pytest.raises(KeyboardInterrupt):
        collect(clone.store, [], crash=True)
    (batch,) = trash.batches(clone.store.trash)
    assert not batch.finished
    assert root.oid not in clone.store
    clone.open()
    collect(clone.store, [root])
    (batch,) = trash.batches(clone.store.trash)
    assert batch.finished
    assert read_dataset(clone.store, root.oid) == dataset
    assert dropped.oid not in clone.store


def test_what_a_killed_gc_has_taken_is_still_found(clone: Clone) -> None:
    dataset = files(20, seed=1)
    root, large = put_dataset(clone.store, dataset), put_large(clone.store, 1)
    with pytest.raises(KeyboardInterrupt):
        collect(clone.store, [], crash=True)
    shutil.copytree(clone.folder, clone.folder / "again")
    assert not clone.store.find_missing([root, large])
    other = Clone(clone.folder / "again").store
    assert b"".join(other.stream(large.oid))
    assert read_dataset(other, root.oid) == dataset


# -- beside a command that names objects


def test_a_command_sees_a_gc_that_ran_meanwhile_and_puts_back_what_it_names(clone: Clone) -> None:
    guard = GcGuard(clone.store)
    dataset = files(20, seed=1)
    root = put_dataset(clone.store, dataset)
    collect(clone.store, [])
    assert guard.recheck([(root.oid, root.kind)]) == set()
    assert read_dataset(clone.store, root.oid) == dataset


def test_a_command_learns_what_was_deleted_for_good_meanwhile(clone: Clone) -> None:
    guard = GcGuard(clone.store)
    root = put_dataset(clone.store, {"a": b"content"})
    collect(clone.store, [])
    trash.delete(clone.store, batch_of(clone.store))
    assert guard.recheck([(root.oid, root.kind)]) == {root.oid}


def test_a_command_that_began_while_a_gc_was_at_work_looks_again(clone: Clone) -> None:
    dataset = files(20, seed=1)
    root = put_dataset(clone.store, dataset)
    with open_batch(clone.store) as batch:
        inventory, needed = collection.take_inventory(clone.store), collection.find_reachable(clone.store, [])
        guard = GcGuard(clone.store)
        collection.collect(clone.store, batch, inventory, needed, roots_now=list)
    assert guard.recheck([(root.oid, root.kind)]) == set()
    assert read_dataset(clone.store, root.oid) == dataset


def test_where_no_gc_ran_nothing_is_looked_at(clone: Clone) -> None:
    guard = GcGuard(clone.store)
    assert guard.recheck([(Oid.of(b"not here"), ObjectKind.BLOB)]) == set()


def test_what_was_complete_is_looked_at_again_after_a_gc(clone: Clone) -> None:
    content = os.urandom(2 << 20)
    with StoreWriter(clone.store) as writer:
        writer.add_loose(Oid.of(content), [content])
    other = Clone(clone.folder)  # another process
    other.store.index.mark_complete([Oid.of(content)])
    put_dataset(other.store, {"a": b"so that there is a pack"})
    assert other.store.index.complete([Oid.of(content)])
    collect(clone.store, [])
    other.store.index.mark_complete([Oid.of(content)])  # too late: it does not know what the gc took away
    other.open()
    assert not other.store.index.complete([Oid.of(content)])


# -- crashes

STEPS = ("rename", "replace", "unlink", "rmdir", "mkdir", "fsync")


def killed_at(step: int, work: Callable[[], None]) -> bool:
    """Do `work` in a process that is gone before its file operation numbered `step`. Was there such a one?"""
    pid = os.fork()
    if pid == 0:
        left = step

        def counting(act: Callable[..., object]) -> Callable[..., object]:
            def counted(*args: object, **named: object) -> object:
                nonlocal left
                if not left:
                    os._exit(9)
                left -= 1
                return act(*args, **named)

            return counted

        code = 1
        try:
            for name in STEPS:
                setattr(os, name, counting(getattr(os, name)))
            work()
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) in (0, 9)
    return os.waitstatus_to_exitcode(status) == 9


def test_a_gc_that_is_killed_before_any_file_operation_loses_nothing_and_is_completed(tmp_path: Path) -> None:
    first = Clone(tmp_path / "first")
    kept = [put_dataset(first.store, files(4, seed=seed)) for seed in range(4)]
    kept.append(put_large(first.store, 1, 2 << 20))
    dropped = [put_dataset(first.store, files(4, seed=9)), put_large(first.store, 2, 2 << 20)]
    loose = os.urandom(1000)
    with StoreWriter(first.store) as writer:
        writer.add_loose(Oid.of(loose), [loose])
        writer.add_blobs([(Oid.of(one), one) for one in files(30, seed=6).values()])
        kept.append(put_into(writer, files(3, seed=5)))
    first.store.database.close()

    def collect_and_delete(folder: Path) -> None:
        store = Clone(folder).store
        collect(store, kept)
        for batch in trash.batches(store.trash):
            trash.delete(store, batch)

    step = 0
    while True:
        folder = tmp_path / f"at{step}"
        shutil.copytree(tmp_path / "first", folder)
        killed = killed_at(step, lambda folder=folder: collect_and_delete(folder))
        store = Clone(folder).store
        assert not store.find_missing(kept), step
        if any(not batch.finished for batch in trash.batches(store.trash)):
            # What was not needed and is named now is put back.
            assert not GcGuard(store).recheck([(root.oid, root.kind) for root in dropped]), step
            assert not store.find_missing(dropped), step
        collect_and_delete(folder)
        store = Clone(folder).store
        assert not store.find_missing(kept), step
        assert not store.present([*(root.oid for root in dropped), Oid.of(loose)]), step
        assert not trash.batches(store.trash), step
        StoreWriter(store)  # clears what is left over
        assert not list(folder.glob("store/tmp/*")), step
        assert {path.name for path in store.trash.iterdir()} <= {"last"}, step
        shutil.rmtree(folder)
        if not killed:
            break
        step += 1
    assert step > 30

"""The plan of a remote gc."""

from __future__ import annotations

import random

import pytest
from gcworld import GRACE, World

from dver.core.errors import MissingObjectError
from dver.core.oid import Oid
from dver.formats.condemned import Condemned
from dver.remote.gc.plan import CLOCK_MARGIN, SEVERAL, SMALL_INDEX, condemned_list_name

MIB = 2**20


@pytest.fixture
def world() -> World:
    return World(random.Random(0))


def dataset(world: World, *sizes: int) -> Oid:
    return world.make(100, [world.make(size) for size in sizes])


def condemn(world: World, *, at: int, grace: int = GRACE) -> None:
    """List all that is there."""
    one = Condemned(at, tuple(sorted(world.packs)), tuple(sorted(world.indexes)), grace)
    world.lists[condemned_list_name(one)] = one


def check(world: World, roots: list[Oid]) -> None:
    """What has to hold after every gc, whatever was there before."""
    view, live = world.visible(), world.needed(roots)
    assert all(oid in view for oid in (*live.trees, *live.blobs))
    assert all(child in view for oid in view for child in world.children[oid])
    for _, places in world.indexes.values():
        assert all(pack in world.packs and oid in world.packs[pack] for oid, pack in places.items())


def test_a_remote_without_garbage_is_not_changed(world: World) -> None:
    root = dataset(world, 20 * MIB, 5)
    world.push(root)
    assert world.plan([root]).empty


def test_an_empty_remote_is_not_changed(world: World) -> None:
    assert world.plan([]).empty


def test_unreferenced_data_is_condemned_first_and_deleted_after_the_grace_period(world: World) -> None:
    keep, drop = dataset(world, 20 * MIB), dataset(world, 20 * MIB)
    for root in (keep, drop):
        world.push(root)
    first = world.collect([keep])
    assert len(first.condemned_packs) == 1
    assert first.deleted_packs == ()
    assert first.next_due == world.now + GRACE
    check(world, [keep])
    assert set(world.needed([drop]).blobs) <= world.readable()
    world.now += GRACE - 1
    waiting = world.plan([keep])
    assert waiting.empty
    assert waiting.waiting_packs == first.condemned_packs
    world.now += 1
    second = world.collect([keep])
    assert second.deleted_packs == first.condemned_packs
    check(world, [keep])
    assert world.visible() == world.readable() == set(world.needed([keep]).blobs) | {keep}
    assert world.plan([keep]).empty


def test_packs_that_no_index_lists_are_condemned(world: World) -> None:
    pack = world.put_pack([world.make(5)])
    assert [ref.name for ref in world.collect([]).condemned_packs] == [pack]


def test_the_live_objects_of_a_mostly_dead_pack_are_copied(world: World) -> None:
    small, large = world.make(MIB), world.make(20 * MIB)
    world.push(world.make(100, [small, large]))
    keep = world.make(100, [small])
    world.push(keep)
    found = world.collect([keep])
    assert [row.oid for row in found.copies] == [small]
    check(world, [keep])


def test_several_small_packs_become_one(world: World) -> None:
    roots = [dataset(world, MIB) for _ in range(SEVERAL)]
    for root in roots[:-1]:
        world.push(root)
    assert world.plan(roots[:-1]).empty
    world.push(roots[-1])
    found = world.collect(roots)
    assert len(found.rewritten) == len(found.condemned_packs) == len(found.condemned_indexes) == SEVERAL
    assert [row.names_others for row in found.copies] == [True] * SEVERAL + [False] * SEVERAL
    assert set(found.merged_roots) == set(roots)
    check(world, roots)
    assert world.plan(roots).empty


def test_an_index_that_lists_a_dead_tree_is_replaced_although_its_pack_stays(world: World) -> None:
    blob, other = world.make(20 * MIB), world.make(20 * MIB)
    world.push(other)
    dead = world.make(100, [other])
    world.push(world.make(100, [blob, dead]))  # lists the tree, and not what is below it
    keep = world.make(100, [blob])
    world.push(keep)
    found = world.collect([keep])
    assert dead not in world.visible()
    assert len(found.condemned_packs) == 1
    check(world, [keep])


def test_a_root_that_only_an_index_names_keeps_condemned_data_until_it_is_condemned_too(world: World) -> None:
    root = dataset(world, 20 * MIB)
    world.push(root)
    world.collect([])
    again = world.make(100, [root])
    # A pusher who did not see the list in time, and builds on what it names.
    world.put_index([again], {again: world.put_pack([again])})
    world.now += GRACE
    found = world.collect([])
    assert found.deleted_packs == ()
    assert set(world.needed([again]).blobs) <= world.readable()
    world.now += GRACE
    assert len(world.collect([]).deleted_packs) == 2


def test_a_pack_that_is_needed_again_long_before_it_is_due_is_freed(world: World) -> None:
    root = dataset(world, 20 * MIB)
    world.push(root)
    condemn(world, at=world.now, grace=CLOCK_MARGIN + 1)
    found = world.collect([root])
    assert len(found.freed) == 1
    assert found.copies == ()
    check(world, [root])
    assert world.collect([root]).empty


@pytest.mark.parametrize("left", [CLOCK_MARGIN, 1, 0, -5])
def test_a_pack_that_is_needed_again_and_due_soon_is_copied(world: World, left: int) -> None:
    root = dataset(world, 20 * MIB)
    world.push(root)
    condemn(world, at=world.now + left - GRACE)
    found = world.collect([root])
    assert len(found.copies) == 2
    assert found.freed == ()
    check(world, [root])


def test_a_list_that_came_after_the_pointers_were_read_is_not_carried_out(world: World) -> None:
    from dataclasses import replace

    from dver.remote.gc.plan import plan

    world.push(dataset(world, 20 * MIB))
    condemn(world, at=0)
    state = replace(world.state(), seen=frozenset())
    assert plan(state, world.needed([]), world.needed([]), now=world.now, grace=GRACE).deleted_packs == ()
    assert len(world.plan([]).deleted_packs) == 1


def test_data_that_a_clock_from_the_future_condemned_is_condemned_again_now(world: World) -> None:
    world.push(dataset(world, 20 * MIB))
    condemn(world, at=world.now + 10**9)
    found = world.collect([])
    assert len(found.condemned_packs) == len(found.condemned_indexes) == 1
    world.now += GRACE
    assert len(world.collect([]).deleted_packs) == 1


def test_the_list_that_is_due_first_decides(world: World) -> None:
    world.push(dataset(world, 20 * MIB))
    condemn(world, at=world.now - GRACE)
    condemn(world, at=world.now, grace=10**6)
    assert len(world.collect([]).deleted_packs) == 1


def test_the_last_list_is_kept_until_there_is_a_newer_one(world: World) -> None:
    world.push(dataset(world, 20 * MIB))
    world.collect([])
    (first,) = world.lists
    world.now += GRACE
    world.collect([])
    assert list(world.lists) == [first]
    world.push(dataset(world, 20 * MIB))
    world.collect([])
    assert first not in world.lists
    assert len(world.lists) == 1


def test_a_live_object_without_a_pack_stops_a_gc(world: World) -> None:
    root = dataset(world, 20 * MIB)
    world.push(root)
    state = world.state()
    from dataclasses import replace

    from dver.remote.gc.plan import plan

    with pytest.raises(MissingObjectError, match="missing on the remote"):
        plan(replace(state, packs={}), world.needed([root]), now=world.now, grace=GRACE)


def test_an_index_without_roots_that_lists_a_dead_tree_is_replaced(world: World) -> None:
    world.index_size = SMALL_INDEX
    other, keep = world.make(20 * MIB), world.make(20 * MIB)
    dead = world.make(100, [other])
    world.push(other)
    world.put_index([], dict.fromkeys((dead, keep), world.put_pack([dead, keep])))
    world.collect([keep])
    assert dead not in world.visible()
    check(world, [keep])


def test_a_large_index_stays_while_everything_in_it_is_live(world: World) -> None:
    world.index_size = SMALL_INDEX
    keep, drop = dataset(world, 20 * MIB), dataset(world, 20 * MIB)
    world.push(keep)
    world.push(drop)
    found = world.collect([keep])
    assert len(found.condemned_indexes) == len(found.kept_indexes) == 1
    assert not found.merges
    check(world, [keep])


def test_packs_stay_as_long_as_an_index_lists_them(world: World) -> None:
    needed, other = world.make(20 * MIB), world.make(20 * MIB)
    world.put_index([], {needed: world.put_pack([needed]), other: world.put_pack([other])})
    condemn(world, at=0)
    world.put_index([needed], {})
    world.collect([])
    check(world, [])
    assert len(world.packs) == 2


@pytest.mark.parametrize("seed", range(400))
def test_referenced_data_stays_and_the_rest_is_deleted_after_random_events(seed: int) -> None:
    chance = random.Random(seed)
    world = World(chance, grace=chance.choice((GRACE, 10 * CLOCK_MARGIN)))
    git: list[Oid] = []
    seen = None
    for _ in range(chance.randrange(5, 60)):
        objects = list(world.children)
        match chance.randrange(7):
            case 0 | 1:
                fresh = [world.make(chance.choice((50, MIB, 3 * MIB, 9 * MIB))) for _ in range(chance.randrange(1, 4))]
                old = chance.sample(objects, min(len(objects), chance.randrange(4)))
                root = world.make(200, [*fresh, *old])
                world.push(root, seen)
                seen = None
                if chance.random() < 0.8:
                    git.append(root)
            case 2 if git:
                git.remove(chance.choice(git))
            case 3:
                world.now += chance.choice((0, 1, world.grace // 2, world.grace, CLOCK_MARGIN))
            case 4:
                seen = world.visible(), set(world.lists)  # a push begins that will end later
            case _:
                world.collect(git)
                check(world, git)
    for _ in range(6):
        world.collect(git)
        check(world, git)
        world.now += 10 * world.grace
    assert world.plan(git).empty
    needed = world.needed(git)
    assert world.visible() <= {*needed.trees, *needed.blobs} | {
        oid for oid in world.children if not world.children[oid]
    }


def test_a_shorter_grace_period_applies_to_data_condemned_before(world: World) -> None:
    world.grace = 14 * 86_400
    keep, drop = dataset(world, 20 * MIB), dataset(world, 20 * MIB)
    for root in (keep, drop):
        world.push(root)
    first = world.collect([keep])
    world.grace = 0
    again = world.collect([keep])
    assert again.condemned_packs == first.condemned_packs
    assert again.deleted_packs == ()
    assert again.next_due == world.now
    check(world, [keep])
    last = world.collect([keep])
    assert last.deleted_packs == first.condemned_packs
    check(world, [keep])
    assert world.plan([keep]).empty


def test_a_longer_grace_period_does_not_apply_to_data_condemned_before(world: World) -> None:
    world.grace = 14 * 86_400
    keep, drop = dataset(world, 20 * MIB), dataset(world, 20 * MIB)
    for root in (keep, drop):
        world.push(root)
    first = world.collect([keep])
    world.grace *= 2
    world.now += 60
    assert world.plan([keep]).empty
    assert world.plan([keep]).next_due == first.next_due

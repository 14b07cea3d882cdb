"""Sets and lists of millions of oids."""

from __future__ import annotations

import random
import tracemalloc

from dver.core.oid import Oid
from dver.store.objects.oid_set import OidList, OidSet


def oids(count: int, seed: int = 0) -> list[Oid]:
    made = random.Random(seed)
    return [Oid(made.randbytes(32)) for _ in range(count)]


def test_a_set_tells_what_is_new_in_order_and_each_once() -> None:
    found = OidSet()
    first, second, third = oids(3)
    assert found.fresh([second, first, second]) == [second, first]
    assert found.fresh([third, first]) == [third]
    assert first in found
    assert oids(1, seed=1)[0] not in found
    assert "text" not in found
    assert len(found) == 3


def test_a_list_gives_back_what_was_added() -> None:
    found = OidList()
    found.extend(oids(3))
    found.extend(oids(2, seed=1))
    assert list(found) == [*oids(3), *oids(2, seed=1)]
    assert len(found) == 5


def test_a_set_takes_about_a_hundred_bytes_for_each() -> None:
    made = random.Random(0)
    found = OidSet()
    tracemalloc.start()
    for _ in range(200):
        found.fresh(Oid(made.randbytes(32)) for _ in range(1000))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 110 * len(found)

"""Recipes: one encoding, nothing believed that cannot be."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import oids

from dver.core.errors import CorruptError
from dver.core.oid import Oid
from dver.formats import recipe
from dver.formats.recipe import CHUNK_MAX, Chunk, Recipe

chunks = st.lists(st.builds(Chunk, oids, st.integers(1, CHUNK_MAX)), min_size=1, max_size=12)
HEAD = 9


@given(chunks)
def test_a_recipe_survives_encoding(listed: list[Chunk]) -> None:
    found = recipe.decode(recipe.encode(listed))
    assert found == Recipe(tuple(listed))
    assert found.size == sum(chunk.size for chunk in listed)
    assert found.oids == [chunk.oid for chunk in listed]


@given(chunks, st.data())
def test_a_damaged_recipe_is_refused_or_is_another_valid_one(listed: list[Chunk], data: st.DataObject) -> None:
    content = bytearray(recipe.encode(listed))
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        found = recipe.decode(bytes(content))
    except CorruptError:
        return
    assert recipe.encode(found.chunks) == content


@given(st.binary(max_size=200))
def test_nonsense_is_refused(content: bytes) -> None:
    with pytest.raises(CorruptError):
        recipe.decode(content)


@given(chunks, st.integers(1, 40))
def test_a_truncated_or_longer_one_is_refused(listed: list[Chunk], more: int) -> None:
    content = recipe.encode(listed)
    for wrong in (content[:-more], content + bytes(more)):
        with pytest.raises(CorruptError):
            recipe.decode(wrong)


def test_a_count_that_promises_more_than_there_is_costs_no_memory() -> None:
    content = recipe.MAGIC + b"\x01" + (2**32 - 1).to_bytes(4, "little") + bytes(100)
    tracemalloc.start()
    with pytest.raises(CorruptError, match="truncated"):
        recipe.decode(content)
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()


@pytest.mark.parametrize("size", [0, CHUNK_MAX + 1, 2**32 - 1])
def test_chunks_of_impossible_sizes_are_refused(size: int) -> None:
    with pytest.raises(CorruptError, match="impossible"):
        recipe.decode(recipe.encode([Chunk(Oid.of(b"x"), size)]))


def test_a_recipe_of_nothing_is_refused() -> None:
    with pytest.raises(CorruptError):
        recipe.decode(recipe.encode([]))


def test_a_newer_recipe_is_refused_with_the_remedy() -> None:
    content = recipe.encode([Chunk(Oid.of(b"x"), 1)])
    with pytest.raises(CorruptError) as caught:
        recipe.decode(content[:4] + b"\x02" + content[5:])
    assert caught.value.fix == "upgrade dver"

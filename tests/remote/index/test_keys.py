from __future__ import annotations

import pytest

from dver.core.oid import Oid
from dver.remote.index import keys

NAME = Oid.of(b"name")


@pytest.mark.parametrize(
    ("key", "prefix", "suffix"),
    [
        (keys.pack_key(NAME), keys.PACKS, keys.PACK_SUFFIX),
        (keys.index_key(NAME), keys.INDEXES, keys.INDEX_SUFFIX),
        (keys.condemned_key(NAME), keys.INDEXES, keys.CONDEMNED_SUFFIX),
        (keys.runs_key(NAME), keys.INDEXES, keys.RUNS_SUFFIX),
        (keys.repository_key(NAME), keys.INDEXES, keys.REPOSITORY_SUFFIX),
    ],
)
def test_a_key_names_one_object_of_one_kind(key: str, prefix: str, suffix: str) -> None:
    assert keys.parse_key(key, prefix, suffix) == NAME
    assert (keys.parse_index_key(key) == NAME) is (suffix == keys.INDEX_SUFFIX)


@pytest.mark.parametrize(
    "key",
    [
        "",
        NAME.hex(),
        f"indexes/{NAME.hex()}",
        f"indexes/{NAME.hex()[:-1]}.idx",
        f"indexes/{NAME.hex().upper()}.idx",
        f"indexes/{'z' * 64}.idx",
        f"indexes/{'0' * 62}  .idx",
        f"indexes/{NAME.hex()}.idx.tmp",
        f"other/{NAME.hex()}.idx",
        f"packs/indexes/{NAME.hex()}.idx",
    ],
)
def test_other_keys_name_nothing(key: str) -> None:
    assert keys.parse_index_key(key) is None

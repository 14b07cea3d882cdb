"""States of streams, and what is refused as one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dver.core.errors import DverError
from dver.core.oid import Oid
from dver.streaming.state import StreamState

STATE = StreamState(Oid.of(b"root"), 7, 2, 1234)


@pytest.mark.parametrize("seed", [7, None, -1])
def test_a_state_survives_json(seed: int | None) -> None:
    state = StreamState(STATE.root, seed, 2, 1234)
    assert StreamState.decode(json.loads(json.dumps(state.encode()))) == state


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"root": "blake3:12"},
        {"root": 5},
        {"seed": "7"},
        {"epoch": -1},
        {"position": 1.5},
        {"position": -1},
        {"position": True},
    ],
)
def test_anything_else_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(DverError):
        StreamState.decode({**STATE.encode(), **change})


@pytest.mark.parametrize("key", ["version", "root", "seed", "epoch", "position"])
def test_every_key_is_needed(key: str) -> None:
    state = STATE.encode()
    del state[key]
    with pytest.raises(DverError, match="not the state of a stream"):
        StreamState.decode(state)

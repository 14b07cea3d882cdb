"""Pushes and gcs beside each other, switched at every single request: all that a push promised can be fetched.

Each clone runs in a thread of its own, but only one at a time: at each request a seeded choice decides who goes on. So
a failure comes back with its seed.
"""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest
from datasets import Clone, put_dataset, read_dataset

from dver.core.errors import RemoteError
from dver.formats.objectref import ObjectRef
from dver.remote.gc.collection import remote_gc
from dver.remote.gc.plan import CLOCK_MARGIN
from dver.remote.storage import Body, Capabilities, MissingKey, ObjectInfo, OnBytes
from dver.remote.transfer import confirm_index
from dver.remote.transfer.push import push
from dver.remote.transfer.push_plan import plan_push

NOW = 1_800_000_000.0
ROUNDS = int(os.environ.get("DVER_GC_ROUNDS", "25"))
"""Each is one way to interleave some hundreds of requests."""


class Stage:
    """Lets one of several threads run at a time, and chooses the next one at each of their requests."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self._turn = threading.Condition()
        self._waiting: list[int] = []
        self._running = 0
        self._chosen: int | None = None
        self.errors: list[BaseException] = []

    def play(self, parts: Sequence[Callable[[], None]]) -> None:
        """Run all of `parts` to their end."""
        self._running = len(parts)
        threads = [threading.Thread(target=self._act, args=(number, part)) for number, part in enumerate(parts)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self.errors:
            raise self.errors[0]

    def step(self) -> None:
        """Wait for one's turn; to be called before each request."""
        number = int(threading.current_thread().name)
        with self._turn:
            self._waiting.append(number)
            self._choose()
            self._turn.wait_for(lambda: self._chosen == number)
            self._chosen = None
            self._waiting.remove(number)

    def _act(self, number: int, part: Callable[[], None]) -> None:
        threading.current_thread().name = str(number)
        try:
            self.step()
            part()
        except BaseException as error:
            self.errors.append(error)
        finally:
            with self._turn:
                self._running -= 1
                self._choose()

    def _choose(self) -> None:
        """Once all that still run are waiting, one of them goes on."""
        if self._waiting and self._chosen is None and len(self._waiting) == self._running:
            self._chosen = self._chance.choice(sorted(self._waiting))
            self._turn.notify_all()


@dataclass
class Shelf:
    """A storage in memory that asks `stage` for leave before each request."""

    stage: Stage | None = None
    content: dict[str, bytes] = field(default_factory=dict)
    url: str = "shelf"

    def _step(self) -> None:
        if self.stage is not None:
            self.stage.step()

    def put(self, key: str, body: Body, *, if_absent: bool = False, on_bytes: OnBytes | None = None) -> bool:
        content = b"".join(body.chunks())
        self._step()
        if if_absent and key in self.content:
            return False
        self.content[key] = content
        return True

    def get(self, key: str, start: int = 0, length: int | None = None, *, on_bytes: OnBytes | None = None) -> bytes:
        self._step()
        if key not in self.content:
            raise MissingKey(self.url, key)
        return self.content[key][start : None if length is None else start + length]

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        self._step()
        return iter([ObjectInfo(key, len(one)) for key, one in sorted(self.content.items()) if key.startswith(prefix)])

    def stat(self, key: str) -> ObjectInfo | None:
        self._step()
        return ObjectInfo(key, len(self.content[key])) if key in self.content else None

    def delete(self, key: str) -> None:
        self._step()
        self.content.pop(key, None)

    def probe(self) -> Capabilities:
        return Capabilities(writable=True, conditional_put=True)


def gets_through(action: Callable[[], object]) -> bool:
    """Do it. False if it gave up because the others were too many."""
    try:
        action()
    except RemoteError as error:
        if "again and again" not in error.what:
            raise
        return False
    return True


@dataclass
class Play:
    """Several clones, one remote, and what Git has."""

    folder: Path
    seed: int
    shelf: Shelf = field(default_factory=Shelf)
    git: dict[ObjectRef, dict[str, bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.now = NOW
        self.chance = random.Random(self.seed)
        # Without any grace, or with one that jumps of the clock take up: long before, just before, and after.
        self.grace = self.chance.choice((0, 3 * CLOCK_MARGIN))
        self.stage = Stage(self.seed)
        # Few contents, so that what one clone lets go is what another one pushes.
        self.pool = [b"%d" % number * 50 for number in range(12)]

    def dataset(self) -> dict[str, bytes]:
        chosen = self.chance.sample(range(len(self.pool)), self.chance.randrange(2, 7))
        return {f"{'abc'[number % 3]}/{number}": self.pool[number] for number in chosen}

    def pusher(self, name: str, datasets: Sequence[dict[str, bytes]]) -> Callable[[], None]:
        def part() -> None:
            clone = Clone(self.folder / name)
            for dataset in datasets:
                root = put_dataset(clone.store, dataset)
                catalog = clone.catalog(self.shelf, jobs=1)
                catalog.refresh()
                if gets_through(partial(push, plan_push([root], clone.store, catalog), clone.store, catalog)):
                    self.git[root] = dataset  # what `git push` does: nothing happens on the remote in between

        return part

    def forgetful(self, rounds: int) -> Callable[[], None]:
        """Somebody who deletes branches, while time goes by."""

        def part() -> None:
            chance = random.Random(self.seed + 1)
            for _ in range(rounds):
                self.stage.step()
                if self.git and chance.random() < 0.5:
                    del self.git[chance.choice(sorted(self.git))]
                if chance.random() < 0.3:
                    self.now += chance.choice((CLOCK_MARGIN // 2, CLOCK_MARGIN, 3 * CLOCK_MARGIN)) if self.grace else 0

        return part

    def collector(self, name: str, rounds: int) -> Callable[[], None]:
        def part() -> None:
            clone = Clone(self.folder / name)
            catalog = clone.catalog(self.shelf, jobs=1)
            for _ in range(rounds):
                gets_through(
                    lambda: remote_gc(
                        lambda: list(self.git), clone.store, catalog, grace=self.grace, now=lambda: self.now
                    )
                )

        return part

    def check(self) -> None:
        self.shelf.stage = None
        fresh = Clone(self.folder / "fresh")
        assert fresh.fetch(self.shelf, *self.git).error() is None
        for root, dataset in self.git.items():
            assert read_dataset(fresh.store, root.oid) == dataset
        clone = Clone(self.folder / "last")
        for _ in range(4):
            self.now += 3 * CLOCK_MARGIN
            remote_gc(
                lambda: list(self.git), clone.store, clone.catalog(self.shelf), grace=self.grace, now=lambda: self.now
            )
        fresh = Clone(self.folder / "fresher")
        assert fresh.fetch(self.shelf, *self.git).error() is None


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_pushed_data_stays_while_gcs_run_at_the_same_time(
    tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # One clock, and names that are the same each time.
    play = Play(tmp_path, seed)
    monkeypatch.setattr(confirm_index, "remote_time", lambda _: play.now)
    monkeypatch.setattr(os, "urandom", random.Random(seed).randbytes)
    parts = [play.pusher(f"p{number}", [play.dataset() for _ in range(3)]) for number in range(3)]
    parts += [play.collector(f"g{number}", 6) for number in range(2)]
    parts.append(play.forgetful(60))
    play.shelf.stage = play.stage
    play.stage.play(parts)
    play.check()

"""The global order of samples, a pure function of content, seed and epoch (docs/decisions/streaming-order.md).

Samples are numbered in tree order and cut into blocks of neighbours. A window interleaves the shuffled samples of 32
random blocks. So neighbours of the order come from many places, while a reader of a window downloads whole blocks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from struct import Struct
from typing import Final

from blake3 import blake3

LANES: Final = 32
"""Blocks in a window. Numbers of ranks times workers that divide it read each block in one process."""
BLOCK_BYTES: Final = 2 << 20
"""Bytes of a block, about: what one request reads."""
BLOCK_MAX: Final = 256
"""The most samples in a block."""

_KEY: Final = Struct("<32sqqqq")
_MASK: Final = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class SampleOrder:
    """The order of `count` samples below the directory `root` in one epoch. Without a seed: tree order.

    `block` is the number of samples in a block; see `block_length`.
    """

    root: bytes
    count: int
    seed: int | None
    epoch: int
    block: int

    @property
    def window(self) -> int:
        """Samples in a window; the last one may be shorter."""
        return LANES * self.block

    def windows(self, position: int = 0) -> Iterator[tuple[int, Sequence[int]]]:
        """The windows from the one with `position` on: the position of each window's first sample, and its samples."""
        blocks = self._blocks()
        for number in range(position // self.window, -(-self.count // self.window)):
            first = number * self.window
            yield first, self._window(number, blocks[number * LANES : (number + 1) * LANES])

    def _blocks(self) -> Sequence[int]:
        """The numbers of all blocks in order. One that is not full stays last, so that windows begin at multiples."""
        full, rest = divmod(self.count, self.block)
        if self.seed is None:
            return range(full + bool(rest))
        return [*_shuffled(range(full), self._random(0, 0)), *([full] if rest else [])]

    def _window(self, number: int, blocks: Sequence[int]) -> Sequence[int]:
        runs = [range(one * self.block, min((one + 1) * self.block, self.count)) for one in blocks]
        if self.seed is None:
            return range(runs[0].start, runs[-1].stop)
        lanes = [_shuffled(run, self._random(1, number * LANES + lane)) for lane, run in enumerate(runs)]
        longest = max(map(len, lanes))
        return [lane[at] for at in range(longest) for lane in lanes if at < len(lane)]

    def _random(self, purpose: int, number: int) -> Iterator[int]:
        """Random 64-bit numbers: SplitMix64, seeded by the BLAKE3 of all that they may depend on."""
        key = _KEY.pack(self.root, self.seed or 0, self.epoch, purpose, number)
        state = int.from_bytes(blake3(key).digest()[:8], "little")
        while True:
            state = (state + 0x9E3779B97F4A7C15) & _MASK
            mixed = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
            mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
            yield mixed ^ (mixed >> 31)


def block_length(count: int, size: int) -> int:
    """The number of samples in a block, for `count` samples of `size` bytes in all."""
    return max(1, min(BLOCK_MAX, BLOCK_BYTES * count // max(size, 1)))


def _shuffled(numbers: Sequence[int], random: Iterator[int]) -> list[int]:
    """A Fisher-Yates shuffle. The bias of the products is below 2⁻³² for less than 2³² numbers."""
    shuffled = list(numbers)
    for at in range(len(shuffled) - 1, 0, -1):
        other = (next(random) * (at + 1)) >> 64
        shuffled[at], shuffled[other] = shuffled[other], shuffled[at]
    return shuffled


@dataclass(frozen=True, slots=True)
class StreamPart:
    """The part of an epoch that one process reads: the worker number `worker` of `workers` of the rank `rank` of
    `world`. `batch` consecutive samples of a rank go to the same worker, as data loaders collect them."""

    rank: int = 0
    world: int = 1
    worker: int = 0
    workers: int = 1
    batch: int = 1

    def __post_init__(self) -> None:
        if not (0 <= self.rank < self.world and 0 <= self.worker < self.workers and self.batch > 0):
            raise ValueError(f"rank {self.rank} of {self.world}, worker {self.worker} of {self.workers}")

    def reads(self, offset: int) -> bool:
        """Does this process read the sample that comes `offset` positions after the start?"""
        turn, rank = divmod(offset, self.world)
        return rank == self.rank and turn // self.batch % self.workers == self.worker


def positions_of(order: SampleOrder, part: StreamPart, start: int, end: int) -> Iterator[list[tuple[int, int]]]:
    """The samples that `part` has from the position `start` up to `end`, window by window.

    Each sample is its position in the order, and its number in tree order.
    """
    for first, samples in order.windows(start):
        if first >= end:
            break
        mine = [
            (first + at, sample)
            for at, sample in enumerate(samples)
            if start <= first + at < end and part.reads(first + at - start)
        ]
        if mine:
            yield mine

"""The state of a stream: how far all ranks are in an epoch, named by content."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from dver.core.errors import UsageError
from dver.core.oid import Oid

VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class StreamState:
    """`position` samples of the epoch are consumed, counted over all ranks.

    `root` is the oid of the directory, so a state fits the same content at any path and commit.
    """

    root: Oid
    seed: int | None
    epoch: int
    position: int

    def encode(self) -> dict[str, Any]:
        """The state as JSON has it."""
        return {
            "version": VERSION,
            "root": str(self.root),
            "seed": self.seed,
            "epoch": self.epoch,
            "position": self.position,
        }

    @classmethod
    def decode(cls, state: Mapping[str, Any]) -> StreamState:
        """The reverse of `encode`. Raises UsageError for anything else."""
        try:
            version, root, seed, epoch, position = (
                state[key] for key in ("version", "root", "seed", "epoch", "position")
            )
        except (KeyError, TypeError):
            raise _invalid("a key is missing") from None
        if version != VERSION:
            raise _invalid(f"it has the version {version!r}, and this dver knows {VERSION}")
        numbers = [epoch, position] if seed is None else [seed, epoch, position]
        if not all(type(one) is int for one in numbers) or epoch < 0 or position < 0 or not isinstance(root, str):
            raise _invalid("its values have the wrong types")
        return cls(Oid.parse(root), seed, epoch, position)


def _invalid(why: str) -> UsageError:
    return UsageError("not the state of a stream", why=why, fix="pass what `state_dict()` returned")

"""The time by a remote's own clock, which all clients of that remote share: graces are counted by it."""

from __future__ import annotations

import time
from typing import Final, Protocol, runtime_checkable

from dver.core.errors import RemoteError
from dver.remote.storage import Storage

GROSS: Final = 3600.0
"""Seconds by which the clocks of a client and a remote may differ: one of them is wrong beyond that."""


@runtime_checkable
class TellsTime(Protocol):
    """A storage that knows what its clock says."""

    @property
    def clock_skew(self) -> float | None:
        """Seconds by which its clock is ahead of this machine's; None if it did not tell yet."""
        ...


def remote_time(storage: Storage) -> float:
    """What the clock of the remote says, in Unix seconds; this machine's clock where the remote does not tell."""
    skew = storage.clock_skew if isinstance(storage, TellsTime) else None
    return time.time() + (skew or 0.0)


def agreed_time(storage: Storage) -> float:
    """The same. Raises RemoteError if the two clocks differ grossly: one of them is wrong."""
    now = remote_time(storage)
    ahead = now - time.time()
    if abs(ahead) > GROSS:
        raise RemoteError(
            f"this machine's clock and that of {storage.url} differ by {_span(abs(ahead))}",
            why=f"this machine's is {'behind' if ahead > 0 else 'ahead'}, so no grace period can be kept",
            fix="set the clock that is wrong; here: `timedatectl set-ntp true`",
        )
    return now


def _span(seconds: float) -> str:
    days, hours = seconds / 86_400, seconds / 3600
    return f"{days:.0f} days" if days >= 2 else f"{hours:.1f} hours"

"""The clock of a remote. Grace periods are counted by it, since all clients share it."""

from __future__ import annotations

import time
from typing import Final, Protocol, runtime_checkable

from dver.core.errors import RemoteError
from dver.remote.storage import Storage

MAX_CLOCK_SKEW: Final = 3600.0
"""Seconds by which the clocks of a client and a remote may differ. With more, one of them is wrong."""


@runtime_checkable
class HasClock(Protocol):
    """A storage that knows the time of the server or disk."""

    @property
    def clock_skew(self) -> float | None:
        """Seconds by which its clock is ahead of this machine's; None if unknown."""
        ...


def remote_time(storage: Storage) -> float:
    """The remote's time in Unix seconds; this machine's if the remote sends none."""
    skew = storage.clock_skew if isinstance(storage, HasClock) else None
    return time.time() + (skew or 0.0)


def trusted_remote_time(storage: Storage) -> float:
    """The remote's time in Unix seconds. Raises RemoteError if the clocks differ by more than MAX_CLOCK_SKEW."""
    now = remote_time(storage)
    ahead = now - time.time()
    if abs(ahead) > MAX_CLOCK_SKEW:
        raise RemoteError(
            f"this machine's clock and that of {storage.url} differ by {_span(abs(ahead))}",
            why=f"this machine's clock is {'behind' if ahead > 0 else 'ahead'}, so grace periods cannot be kept",
            fix="set the wrong clock; on this machine: `timedatectl set-ntp true`",
        )
    return now


def _span(seconds: float) -> str:
    days, hours = seconds / 86_400, seconds / 3600
    return f"{days:.0f} days" if days >= 2 else f"{hours:.1f} hours"

"""How far the times of files can be trusted."""

from __future__ import annotations

import pytest

from dver.core.clock import TICK_NS, would_show

SECOND = 1_000_000_000
ODD = 1_700_000_000 * SECOND + 123_456_789


@pytest.mark.parametrize(
    ("ctime", "now", "shows"),
    [
        (ODD, ODD + TICK_NS + 1, True),
        (ODD, ODD + TICK_NS, False),
        (ODD, ODD, False),
        (ODD + 60 * SECOND, ODD, False),
    ],
    ids=["long ago", "a tick ago", "just now", "in the future"],
)
def test_a_change_shows_unless_the_last_one_was_within_a_tick(ctime: int, now: int, shows: bool) -> None:
    assert would_show(ctime, now) is shows


def test_where_times_are_whole_seconds_a_tick_is_two_of_them() -> None:
    whole = ODD // SECOND * SECOND
    assert not would_show(whole, whole + 2 * SECOND)
    assert would_show(whole, whole + 2 * SECOND + 1)

from __future__ import annotations

import pytest

from dver.core.errors import UsageError
from dver.experiments.names import MAX_LENGTH, check_name, new_name, numbered_names


def test_new_names_are_two_words_that_are_free() -> None:
    taken: set[str] = set()
    for _ in range(3000):
        taken.add(new_name(taken))
    assert len(taken) == 3000
    assert sum(name.count("-") == 1 for name in taken) > 2900


def test_names_are_numbered_when_the_words_run_out() -> None:
    class AllPairs:
        def __contains__(self, name: object) -> bool:
            return str(name).count("-") < 2

    assert new_name(AllPairs()).rpartition("-")[2].isdecimal()


def test_a_grid_skips_numbers_that_are_taken() -> None:
    assert numbered_names("lr", 3, {"lr-2"}) == ["lr-1", "lr-3", "lr-4"]


@pytest.mark.parametrize("name", ["a b", "größe", "lr=0.1", "feature/x", "🦦", "..", "x" * MAX_LENGTH])
def test_odd_names_are_accepted(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize("name", ["", " ", "-n", "a\nb", "\x1b[1m", " a", "x" * (MAX_LENGTH + 1), "\udcff"])
def test_unusable_names_are_refused(name: str) -> None:
    with pytest.raises(UsageError):
        check_name(name)

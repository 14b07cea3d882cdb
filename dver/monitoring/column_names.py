"""Columns that options name: one that the data does not have is a mistake."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from dver.core.errors import UsageError
from dver.core.phrasing import join_limited

_ALMOST: Final = 0.85
"""The similarity of names from which one is a misspelling of the other."""


def unknown_column(name: str, known: Collection[str], option: str, *, shown: str) -> UsageError:
    """The error for `--option NAME`, if the data that is called `shown` has only the columns `known`."""
    from difflib import get_close_matches  # takes three milliseconds

    near = get_close_matches(name, list(known), n=1)
    return UsageError(
        f"{shown} has no column {name!r}" + (f"; did you mean {near[0]!r}?" if near else ""),
        why=f"its columns are {join_limited(list(known), 10)}",
        fix=f"correct --{option}",
    )


def refuse_misspelt_target(target: str | None, known: Collection[str]) -> None:
    """Raise UsageError for a target that is not in `known`, but almost. Another one may come with labels later."""
    from difflib import get_close_matches

    if target is not None and target not in known and get_close_matches(target, list(known), 1, _ALMOST):
        raise unknown_column(target, sorted(known), "target", shown="the compared data")


def refuse_unknown_columns(named: Iterable[tuple[str, str]], known: Collection[str]) -> None:
    """Raise UsageError for the first of `named`, an option and its column, that is not in `known`."""
    for option, name in named:
        if name not in known:
            raise unknown_column(name, sorted(known), option, shown="the compared data")

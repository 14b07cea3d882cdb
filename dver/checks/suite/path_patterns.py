"""Patterns of paths, matched in time that grows with pattern times path, whatever the pattern."""

from __future__ import annotations

import re
from fnmatch import translate
from itertools import groupby
from typing import Final

_ANY_DIRECTORIES: Final = "**"
_NEVER: Final = "(?!)"
"""What `translate` makes of a range such as `[z-a]`."""


class PathPattern:
    """A pattern: in a name, `*`, `?` and `[…]`; as a name, `**` is any number of directories."""

    def __init__(self, text: str) -> None:
        """Raises ValueError with the reason for characters in `[…]` that no name has."""
        names = [
            one for name, same in groupby(text.split("/")) for one in (same if name != _ANY_DIRECTORIES else [name])
        ]
        if names[-1] == _ANY_DIRECTORIES:  # all that is below
            names.append("*")
        self._names = [None if one == _ANY_DIRECTORIES else _name_pattern(one) for one in names]

    def matches(self, path: str) -> bool:
        """Whether the pattern matches all of `path`."""
        return len(self._names) in self._places(path)

    def may_match_below(self, directory: str) -> bool:
        """Whether the pattern may match a path below `directory`."""
        return any(one < len(self._names) for one in self._places(directory))

    def _places(self, path: str) -> set[int]:
        """The positions in the pattern that `path` leads to."""
        places = {0}
        for name in path.split("/"):
            places = {after for one in self._with_skipped(places) for after in self._after(one, name)}
        return places

    def _with_skipped(self, places: set[int]) -> set[int]:
        """The positions in the pattern, and those behind a `**`, which may match no directory."""
        return places | {one + 1 for one in places if one < len(self._names) and self._names[one] is None}

    def _after(self, place: int, name: str) -> tuple[int, ...]:
        """The positions after a name of the path."""
        if place == len(self._names):
            return ()
        wanted = self._names[place]
        if wanted is None:
            return (place,)
        return (place + 1,) if wanted.fullmatch(name) else ()


def _name_pattern(text: str) -> re.Pattern[str]:
    regex = translate(text.replace("[^", "[!"))
    if _NEVER in regex:
        raise ValueError("a range in […] is reversed")
    return re.compile(regex)

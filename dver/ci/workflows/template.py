"""Templates of workflows: `@name@` stands for a text or a block of lines, `%if name` … `%end` for optional lines."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, TypeAlias

Values: TypeAlias = Mapping[str, str | Sequence[str] | bool]
"""Texts, blocks of lines, and conditions. An empty one is false."""

_NAME: Final = re.compile(r"@([a-z_]+)@")


def render(template: str, values: Values) -> str:
    """The template with `values` in place. Raises KeyError for an unknown name."""
    return "".join(line + "\n" for line in _lines(_kept(template.splitlines(), values), values))


def _kept(lines: Sequence[str], values: Values) -> Iterator[str]:
    """The lines outside of sections whose condition is false."""
    conditions: list[bool] = []
    for line in lines:
        if line.startswith("%if "):
            conditions.append(bool(values[line.removeprefix("%if ")]))
        elif line == "%end":
            conditions.pop()
        elif all(conditions):
            yield line
    assert not conditions, "%if without %end"


def _lines(lines: Iterator[str], values: Values) -> Iterator[str]:
    for line in lines:
        found = _NAME.search(line)
        value = values[found[1]] if found is not None else None
        if found is None or isinstance(value, str):
            yield _NAME.sub(lambda name: str(values[name[1]]), line)
        else:
            assert isinstance(value, Sequence)
            yield from (line[: found.start()] + one + line[found.end() :] for one in value)

"""Short forms of results: one line for a prompt, and tables for notebooks."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from enum import Enum
from itertools import islice
from typing import Any, Final

from dver.core.phrasing import count, human_size

_ROWS: Final = 20
"""The most rows of a table."""
_WIDTH: Final = 200
"""The most characters of a value."""


class Displayed:
    """The base of a dataclass whose `repr` is one short line, and which notebooks show as tables.

    The `repr` gives the number of items of collections, and leaves out fields that are empty, zero or False. Its
    dataclass has `repr=False`.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return _short_repr(self)

    def _repr_html_(self) -> str:
        return _document(self)


def html_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table with the first of `rows`, and the number of the others."""
    rest = len(rows) - _ROWS
    more = f"<div>… and {rest:,} more</div>" if rest > 0 else ""
    head = f"<tr>{''.join(f'<th>{_escaped(one)}</th>' for one in columns)}</tr>" if columns else ""
    body = "".join(f"<tr>{''.join(f'<td>{_escaped(_text(one))}</td>' for one in row)}</tr>" for row in rows[:_ROWS])
    return f"<div>{_escaped(title)}</div><table>{head}{body}</table>{more}"


def _short_repr(value: object) -> str:
    """One line for a dataclass or named tuple: its name, its fields, and its properties that are truth values."""
    shown = {name: found for name in _field_names(type(value)) if (found := getattr(value, name))}
    shown |= {name: found for name, found in _properties(value) if isinstance(found, bool)}
    return f"{type(value).__name__}({', '.join(f'{name}={_field_text(found)}' for name, found in shown.items())})"


def _properties(value: object) -> Iterator[tuple[str, object]]:
    for name, found in vars(type(value)).items():
        if isinstance(found, property) and not name.startswith("_"):
            yield name, getattr(value, name)


def _field_names(kind: type) -> tuple[str, ...]:
    """The fields of a dataclass or named tuple; empty for other types."""
    names: Iterable[str] = getattr(kind, "__dataclass_fields__", getattr(kind, "_fields", ()))
    return tuple(name for name in names if not name.startswith("_"))


def _field_text(value: object) -> str:
    if isinstance(value, (str, bytes, os.PathLike)):
        return repr(_text(value))
    return _text(value)


def _text(value: object) -> str:
    """A value in one line."""
    text = _full_text(value)
    return text if len(text) <= _WIDTH else text[: _WIDTH - 1] + "…"


def _full_text(value: object) -> str:
    from dver.core.oid import Oid  # importing this module must be cheap

    match value:
        case None:
            return ""
        case Oid():
            return value.short
        case bytes() | str() | os.PathLike():
            return _printable(os.fsdecode(value))
        case Enum():
            return str(value.value)
        case Displayed():
            return repr(value) if type(value).__str__ is object.__str__ else _printable(str(value))
        case Collection() if not _field_names(type(value)):
            return f"<{count(len(value), 'item')}>"
        case _:
            return _printable(str(value))


def _printable(text: str) -> str:
    """The text without line ends and other control characters, and valid as UTF-8."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def _document(value: object) -> str:
    """The value as HTML: a table of its plain fields, and a table for each of its collections."""
    found = {name: getattr(value, name) for name in _field_names(type(value))}
    found |= {name: one for name, one in _properties(value) if isinstance(one, (bool, int))}
    plain = [(name, _cell(name, one)) for name, one in found.items() if one is not None and not _is_table(one)]
    tables = [_collection(name, one) for name, one in found.items() if _is_table(one) and one]
    head = f"<b>{_escaped(type(value).__name__)}</b>"
    return f"<div>{head}{html_table('', (), plain) if plain else ''}{''.join(tables)}</div>"


def _is_table(value: object) -> bool:
    return isinstance(value, Collection) and not isinstance(value, (str, bytes)) and not _field_names(type(value))


def _collection(name: str, items: Collection[Any]) -> str:
    """A collection as a table, with a column for each field that has a value in it."""
    title = f"{name}: {len(items):,}"
    if isinstance(items, Mapping):
        return html_table(title, (), list(items.items()))
    shown = list(islice(items, _ROWS))
    columns = _columns(shown)
    cells = [[_cell(one, getattr(item, one, None)) for one in columns] if columns else [item] for item in shown]
    left = len(items) - len(shown)
    return html_table(title, columns, cells) + (f"<div>… and {left:,} more</div>" if left else "")


def _columns(items: Iterable[object]) -> tuple[str, ...]:
    """The fields of the items that have a value in one of them."""
    found = ((name, getattr(item, name)) for item in items for name in _field_names(type(item)))
    return tuple(dict.fromkeys(name for name, value in found if value or isinstance(value, (bool, int))))


def _cell(name: str, value: object) -> str:
    is_size = name == "size" or name.endswith("_size")
    return human_size(value) if is_size and type(value) is int else _text(value)


def _escaped(text: str) -> str:
    import html  # only notebooks need it

    return html.escape(text)

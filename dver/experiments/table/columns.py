"""The columns of a table of experiments: metrics, parameters and data, which of them differ, and short titles."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from operator import itemgetter
from typing import Any, Final

from dver.core.display import Displayed
from dver.core.errors import UsageError
from dver.experiments.table.rows import FIELDS, Getter, TableRow
from dver.pipelines.compare.values import ValueChange
from dver.pipelines.definition.param_files import ABSENT

_NOTHING: Final[Mapping[str, Any]] = {}


class ColumnKind(Enum):
    """Where the values of a column come from."""

    METRIC = "metric"
    PARAM = "param"
    DATA = "data"


@dataclass(frozen=True, slots=True, repr=False)
class ValueColumn(Displayed):
    """A metric, a parameter, or the oid of tracked data."""

    kind: ColumnKind
    file: str
    """The file of the value, or the path of the data; relative to the top of the Git worktree."""
    key: str
    """The dotted key in the file; empty for data."""
    title: str
    """The key alone if no other column has it, otherwise also the part of the path in which the files differ."""

    def value(self, row: TableRow) -> Any:
        """The value in a row, or ABSENT."""
        return self.values((row,))[0]

    def values(self, rows: Iterable[TableRow]) -> list[Any]:
        """The value in each row, or ABSENT."""
        file, key, nothing = self.file, self.key, _NOTHING
        match self.kind:
            case ColumnKind.METRIC:
                return [row.metrics.get(file, nothing).get(key, ABSENT) for row in rows]
            case ColumnKind.PARAM:
                return [row.params.get(file, nothing).get(key, ABSENT) for row in rows]
            case ColumnKind.DATA:
                return [row.data.get(file, ABSENT) for row in rows]


def columns_of(rows: Iterable[TableRow]) -> tuple[ValueColumn, ...]:
    """A column for each value in the rows: metrics, then parameters, then data, in the order of their files."""
    metrics: dict[str, dict[str, None]] = {}
    params: dict[str, dict[str, None]] = {}
    data: dict[str, None] = {}
    seen: set[tuple[str, ...]] = set()
    for row in rows:
        for found, files in ((metrics, row.metrics), (params, row.params)):
            for file, values in files.items():
                names = (file, *values)
                if names not in seen or file not in found:  # most experiments have the same keys
                    seen.add(names)
                    found.setdefault(file, {}).update(dict.fromkeys(values))
        if not row.data.keys() <= data.keys():
            data.update(dict.fromkeys(row.data))
    keys = [(ColumnKind.METRIC, file, key) for file, found in metrics.items() for key in found]
    keys += [(ColumnKind.PARAM, file, key) for file, found in params.items() for key in found]
    return _titled([*keys, *((ColumnKind.DATA, path, "") for path in data)])


def _titled(keys: Sequence[tuple[ColumnKind, str, str]]) -> tuple[ValueColumn, ...]:
    files: dict[str, dict[str, None]] = {}
    for _, file, key in keys:
        files.setdefault(key or file, {})[file if key else ""] = None
    parts = {key: _distinct_parts(list(found)) for key, found in files.items()}
    kinds = Counter((file, key) for _, file, key in keys)

    def title(kind: ColumnKind, file: str, key: str) -> str:
        short = key or file
        if kinds[file, key] > 1:
            return f"{kind.value}:{file}:{key}"
        if len(files[short]) == 1 and short not in FIELDS:
            return short
        return f"{parts[short][file]}:{key}" if key else f"{kind.value}:{file}"

    return tuple(ValueColumn(*key, title(*key)) for key in keys)


def _distinct_parts(files: Sequence[str]) -> dict[str, str]:
    """The part of each path that differs: `a` and `b` for `runs/a/m.json` and `runs/b/m.json`."""
    split = [file.split("/") for file in files]
    common, ends = _common(split), _common([one[::-1] for one in split])
    shortest = min(map(len, split))
    if len(files) < 2 or common + ends >= shortest:
        return {
            file: "/".join(one[common if common < shortest else 0 :]) for file, one in zip(files, split, strict=True)
        }
    return {file: "/".join(one[common : len(one) - ends]) for file, one in zip(files, split, strict=True)}


def _common(paths: Sequence[Sequence[str]]) -> int:
    """The number of parts that all paths begin with."""
    return next((at for at, parts in enumerate(zip(*paths, strict=False)) if len(set(parts)) > 1), min(map(len, paths)))


def differing(columns: Sequence[ValueColumn], rows: Sequence[TableRow]) -> set[ValueColumn]:
    """The columns whose values are not all the same. Rows without any parameters do not count for parameters, and those
    without any metrics not for metrics."""
    groups: dict[tuple[ColumnKind, str], list[ValueColumn]] = {}
    for one in columns:
        groups.setdefault((one.kind, "" if one.kind is ColumnKind.DATA else one.file), []).append(one)
    found: set[ValueColumn] = set()
    for (kind, file), group in groups.items():
        values = [_values(row, kind, file) for row in rows]
        found |= _differing_in(kind, group, [one for one in values if one is not None])
    return found


def _values(row: TableRow, kind: ColumnKind, file: str) -> Mapping[str, Any] | None:
    """The values of a row in a file, or its data; None for a row without parameters or metrics."""
    if kind is ColumnKind.DATA:
        return row.data
    files = row.metrics if kind is ColumnKind.METRIC else row.params
    return files.get(file, {}) if files else None


def _differing_in(
    kind: ColumnKind, group: Sequence[ValueColumn], rows: Sequence[Mapping[str, Any]]
) -> set[ValueColumn]:
    """Compares all undecided keys of a row at once, because tables may have ten thousand rows."""
    if not rows:
        return set()
    by_key = {(one.file if kind is ColumnKind.DATA else one.key): one for one in group}
    first = rows[0]
    undecided = {key: first.get(key, ABSENT) for key in by_key}
    expected = tuple(undecided.values())
    get = _tuple_getter(undecided)
    for values in rows:
        try:
            if get(values) == expected:
                continue
        except KeyError:
            pass
        undecided = {key: one for key, one in undecided.items() if not _differs(one, values.get(key, ABSENT))}
        if not undecided:
            break
        expected, get = tuple(undecided.values()), _tuple_getter(undecided)
    truths = [key for key, one in undecided.items() if one in (0, 1)]  # True equals 1 for Python, but not for users
    differ = {key for key in truths if any(_differs(undecided[key], one.get(key, ABSENT)) for one in rows)}
    return {column for key, column in by_key.items() if key not in undecided or key in differ}


def _tuple_getter(keys: Iterable[str]) -> Callable[[Mapping[str, Any]], tuple[Any, ...]]:
    names = list(keys)
    if len(names) == 1:
        return lambda values: (values[names[0]],)
    return itemgetter(*names)


def _differs(one: Any, other: Any) -> bool:
    return one is not other and ValueChange("", one, other).differs


@dataclass(frozen=True, slots=True)
class Names:
    """What filters and orders can name: fields, columns by title or `FILE:KEY`, and the ends of dotted keys."""

    columns: Sequence[ValueColumn]

    def getter(self, name: str) -> Getter:
        """The value that `name` stands for. Raises UsageError for an unknown or ambiguous name."""
        if name in FIELDS:
            return FIELDS[name]
        if not self.columns:  # there is nothing yet that could have values
            return lambda row: ABSENT
        return self.column(name).value

    def column(self, name: str) -> ValueColumn:
        """The column that `name` stands for. Raises UsageError for an unknown or ambiguous name."""
        for matches in (self._exact(name), self._ending(name)):
            if len(matches) == 1:
                return matches[0]
            if matches:
                full = [f"{one.file}:{one.key}" for one in matches]
                raise UsageError(f"{name!r} is ambiguous", why=f"it is in {' and '.join(full)}", fix=f"use {full[0]!r}")
        raise self._unknown(name)

    def _exact(self, name: str) -> list[ValueColumn]:
        for found in (
            [one for one in self.columns if one.title == name],
            [one for one in self.columns if one.key and f"{one.file}:{one.key}" == name],
            [one for one in self.columns if one.key == name],
            [one for one in self.columns if name in [f"{part}:{one.key}" for part in one.file.split("/")]],
        ):
            if found:
                return found
        return []

    def _ending(self, name: str) -> list[ValueColumn]:
        return [one for one in self.columns if one.key.endswith(f".{name}")]

    def _unknown(self, name: str) -> UsageError:
        from difflib import get_close_matches  # only for this message

        known = [*FIELDS, *(one.title for one in self.columns)]
        ends = {one.key.rpartition(".")[2]: one.title for one in self.columns if "." in one.key}
        close = get_close_matches(name, [*known, *ends], n=3, cutoff=0.5)
        near = list(dict.fromkeys(ends.get(one, one) for one in close))
        listed = [one.title for one in self.columns[:_NAMED]]
        fix = f"did you mean {' or '.join(near)}?" if near else f"use one of {', '.join([*listed, *FIELDS])}"
        return UsageError(f"no parameter, metric or field is called {name!r}", fix=fix)


_NAMED: Final = 5
"""The number of columns that an error lists."""

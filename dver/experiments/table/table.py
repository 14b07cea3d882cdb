"""The table of experiments: which rows and columns are shown, and in which order. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from dver.core.display import Displayed, html_table
from dver.core.errors import CorruptError
from dver.experiments.table.columns import ColumnKind, Names, ValueColumn, columns_of, differing
from dver.experiments.table.rows import ReferenceRow, TableRow
from dver.experiments.table.sorting import sort_rows
from dver.formats.experiment import Experiment
from dver.pipelines.definition.param_files import ABSENT

_SHORT: Final = 8
"""Digits of a shortened oid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableQuery:
    """What the user wants to see."""

    filter: str | None = None
    sort: tuple[str, ...] = ()
    """The keys of the order; a leading `-` is descending. Without keys: by baseline, the latest experiment first."""
    descending: bool = False
    limit: int | None = None
    """The most experiments."""
    only_changed: bool = False
    """Whether metrics with the same value in all rows are omitted."""
    all_params: bool = False
    """Whether parameters with the same value in all rows are included."""


@dataclass(frozen=True, slots=True, repr=False)
class HiddenExperiments(Displayed):
    """The numbers of experiments that a table omits, by the reason."""

    other_branches: int = 0
    """Their baselines are on other branches only."""
    filtered: int = 0
    """They do not match the filter."""
    over_limit: int = 0


@dataclass(frozen=True, slots=True, repr=False)
class ExperimentTable(Displayed):
    """Experiments, their baselines and the workspace, with the columns to compare them by."""

    rows: tuple[TableRow, ...]
    """The workspace first. Without an order, each baseline and its experiments; with one, all baselines and then all
    experiments."""
    columns: tuple[ValueColumn, ...]
    """Metrics, then parameters that differ, then tracked data that differs."""
    hidden: HiddenExperiments = field(default_factory=HiddenExperiments)
    is_sorted: bool = False
    """Whether the experiments are in an order of the user's instead of below their baselines."""
    problems: tuple[CorruptError, ...] = ()
    """Why journals of colleagues could not be read."""

    @property
    def experiments(self) -> tuple[Experiment, ...]:
        """The rows of experiments."""
        return tuple(row for row in self.rows if isinstance(row, Experiment))

    def _repr_html_(self) -> str:
        titles = [one.title for one in self.columns]
        rows = [(one.name, _status(one), *map(str, shown_values(one, self.columns))) for one in self.rows]
        return html_table("", ("name", "status", *titles), rows)


def _status(row: TableRow) -> str:
    return row.status.value if isinstance(row, Experiment) else ""


def shown_values(row: TableRow, columns: Sequence[ValueColumn]) -> Iterator[object]:
    """The values of a row; oids are shortened, and missing values are empty."""
    for column in columns:
        value = column.value(row)
        if value is ABSENT:
            yield ""
        else:
            yield value[:_SHORT] if column.kind is ColumnKind.DATA else value


BaselinesOf = Callable[[Sequence[str]], Mapping[str, ReferenceRow]]
"""Reads the rows of baselines, by commit."""


def build_table(
    experiments: Sequence[Experiment],
    query: TableQuery,
    *,
    workspace: ReferenceRow | None,
    baselines_of: BaselinesOf,
    head: str | None = None,
    revs: Mapping[str, str] | None = None,
    other_branches: int = 0,
) -> ExperimentTable:
    """The table of `experiments`, which are in the order of their creation.

    `head` is the commit of HEAD, whose experiments come first; `revs` has the commits of branches and tags. Raises
    UsageError for a filter or an order that cannot be understood.
    """
    names = Names(columns_of(experiments) if query.filter is not None or query.sort else ())
    chosen = list(reversed(experiments))
    if query.filter is not None:
        from dver.experiments.table.filters import parse_filter  # takes 10 ms

        matches = parse_filter(query.filter, names, revs)
        chosen = [row for row in chosen if matches(row)]
    filtered = len(experiments) - len(chosen)
    if query.sort:
        ranked = sort_rows(chosen, query.sort, names, descending=query.descending)
        chosen = [row for row in ranked if isinstance(row, Experiment)]
    shown = chosen[: query.limit]
    hidden = HiddenExperiments(other_branches, filtered, len(chosen) - len(shown))
    baselines = baselines_of(_baselines_in_order(shown, head))
    first = [workspace] if workspace is not None else []
    below = [*baselines.values(), *shown] if query.sort else _grouped(shown, baselines)
    rows: tuple[TableRow, ...] = (*first, *below)
    return ExperimentTable(rows, _shown_columns(rows, query), hidden, bool(query.sort))


def _baselines_in_order(shown: Sequence[Experiment], head: str | None) -> list[str]:
    """HEAD, and the baselines of `shown` by their latest experiment."""
    latest: dict[str, float] = {}
    for row in shown:
        latest[row.baseline] = max(latest.get(row.baseline, 0.0), row.created)
    found = sorted(latest, key=lambda one: (one != head, -latest[one]))
    return [head, *found] if head is not None and head not in latest else found


def _grouped(shown: Sequence[Experiment], baselines: Mapping[str, ReferenceRow]) -> Iterator[TableRow]:
    groups: dict[str, list[Experiment]] = {commit: [] for commit in baselines}
    for row in shown:
        groups.setdefault(row.baseline, []).append(row)
    for commit, rows in groups.items():
        if commit in baselines:
            yield baselines[commit]
        yield from rows


def _shown_columns(rows: Sequence[TableRow], query: TableQuery) -> tuple[ValueColumn, ...]:
    columns = columns_of(rows)
    differ = differing(columns, rows)
    always = {ColumnKind.METRIC: not query.only_changed, ColumnKind.PARAM: query.all_params, ColumnKind.DATA: False}
    return tuple(one for one in columns if always[one.kind] or one in differ)

"""The tables of a model card: metrics, parameters and data, beside those of the version before. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from dver.core.phrasing import human_size
from dver.models.card.card import CardData, CardValue, ModelCard
from dver.pipelines.compare.directions import Verdict
from dver.pipelines.definition.metric_goals import Direction
from dver.reports.blocks.model import Block, Code, Inline, Paragraph, ReportTable, Tone, Toned
from dver.reports.blocks.values import difference_text, value_inline

ROWS: Final = 1_000
"""The most rows of a table and items of a list."""
_SHORT: Final = 10
_BETTER: Final = {Direction.MAXIMIZE: "higher is better", Direction.MINIMIZE: "lower is better"}
_TONES: Final = {Verdict.BETTER: Tone.BETTER, Verdict.WORSE: Tone.WORSE}


def version_text(version: str) -> str:
    """A version; of a commit without one, its first digits."""
    return version if version.startswith("v") else version[:_SHORT]


def metrics_table(card: ModelCard) -> list[Block]:
    """The metrics, with changes since the version before."""
    if card.compared_with is not None:
        values: list[Inline] = [(Code(version_text(card.compared_with)),), (Code(version_text(card.version)),)]
        header: list[Inline] = [("Metric",), *values, ("Change",), ("Verdict",), ("File",)]
    else:
        header = [("Metric",), ("Value",), ("Verdict",), ("File",)]
    rows = [_metric_row(one, compares=card.compared_with is not None) for one in card.metrics]
    return _by_file(card.metrics, header, rows, frozenset(range(1, len(header) - 2)))


def _metric_row(metric: CardValue, *, compares: bool) -> list[Inline]:
    if compares:
        return [(Code(metric.key),), value_inline(metric.previous), value_inline(metric.value), *_change(metric)]
    return [(Code(metric.key),), value_inline(metric.value), (_BETTER[metric.direction],) if metric.direction else ()]


def _change(metric: CardValue) -> tuple[Inline, Inline]:
    """The difference, and whether it is better."""
    text = difference_text(metric.difference)
    shown: Inline = (text,) if text else ()
    if metric.direction is None:
        return shown, ()
    better = _BETTER[metric.direction]
    if metric.verdict not in _TONES:
        return shown, (better,)
    return shown, (Toned(metric.verdict.value, _TONES[metric.verdict]), f" ({better})")


def params_table(card: ModelCard) -> list[Block]:
    """The parameters of the stages, and the values of the version before where they differ."""
    header: list[Inline] = [("Parameter",), ("Value",), (Code(version_text(card.compared_with or "")),), ("File",)]
    return _by_file(card.params, header, [_param_row(one) for one in card.params])


def _param_row(param: CardValue) -> list[Inline]:
    return [(Code(param.key),), value_inline(param.value), value_inline(param.previous) if param.differs else ()]


def _by_file(
    values: Sequence[CardValue],
    header: Sequence[Inline],
    rows: Sequence[Sequence[Inline]],
    right: frozenset[int] = frozenset(),
) -> list[Block]:
    """A table of values whose last column is their file; a single file is named before the table instead."""
    files = list(dict.fromkeys(one.file for one in values))
    if len(files) == 1:
        return [Paragraph(("From ", Code(files[0]), ":")), *_used_columns(header[:-1], rows, right)]
    named = [[*row, (Code(one.file),)] for row, one in zip(rows, values, strict=True)]
    return _used_columns(header, named, right)


def data_table(card: ModelCard, *tracked_by: str) -> list[Block]:
    """The inputs that are tracked by one of `tracked_by`."""
    before: Inline = ("Since ", Code(version_text(card.compared_with))) if card.compared_with else ("",)
    header: list[Inline] = [("Path",), ("Content",), ("Size",), ("Files",), ("Imported from",), before]
    chosen = [one for one in card.data if one.tracked_by in tracked_by]
    rows = [[*_data_row(one), _since(one) if card.compared_with else ()] for one in chosen]
    return _used_columns(header, rows, frozenset((2, 3)))


def _data_row(data: CardData) -> list[Inline]:
    return [
        (Code(data.path),),
        (Code(data.content.short),) if data.content is not None else (),
        (human_size(data.size),) if data.size is not None else (),
        (f"{data.files:,}",) if data.files is not None else (),
        (Code(data.source),) if data.source else (),
    ]


def _since(data: CardData) -> Inline:
    if not data.was_used_before:
        return ("new",)
    return ("unchanged",) if data.previous == data.content else ("changed",)


def _used_columns(
    header: Sequence[Inline], rows: Sequence[Sequence[Inline]], right: frozenset[int] = frozenset()
) -> list[Block]:
    """A table without columns that are empty in every row; nothing without rows."""
    if not rows:
        return []
    used = [at for at in range(len(header)) if any(row[at] for row in rows)]
    shown = tuple(tuple(row[at] for at in used) for row in rows[:ROWS])
    numbers = frozenset(new for new, old in enumerate(used) if old in right)
    return [ReportTable(tuple(header[at] for at in used), shown, len(rows), numbers)]

"""The parts of a model card: its heading, its introduction, and its sections. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from dver.core.phrasing import count, human_size, quoted
from dver.models.card.card import CardStep, ModelCard
from dver.pipelines.definition.param_files import flatten
from dver.reports.blocks.model import (
    Block,
    Code,
    Commands,
    Inline,
    ItemList,
    Paragraph,
    Prose,
    ReportTable,
    Tone,
    Toned,
)
from dver.reports.blocks.values import listed_codes, value_inline
from dver.reports.model_card.tables import ROWS, data_table, metrics_table, params_table, version_text

_SHORT: Final = 10
"""The digits of a commit that are shown."""


@dataclass(frozen=True, slots=True)
class CardSection:
    """A part of a card with a heading."""

    title: str
    blocks: tuple[Block, ...]


def title_of(card: ModelCard) -> Inline:
    """The heading of the card."""
    return (Code(card.name), " ", Code(version_text(card.version)))


def introduction(card: ModelCard) -> Iterator[Block]:
    """The blocks before the first section."""
    if card.deprecated:
        yield Paragraph((Toned("Deprecated", Tone.WORSE), ": do not use this model in new work."))
    if card.desc:
        yield Prose(card.desc)
    first, *others = _facts(card)
    yield ReportTable(first, tuple(others), len(others))


def sections_of(card: ModelCard) -> Iterator[CardSection]:
    """The sections that have content."""
    found: dict[str, list[Block]] = {
        "Details": _details(card.meta),
        "Metrics": metrics_table(card),
        "Checks": _details(card.checks),
        "Parameters": params_table(card),
        "Data": data_table(card, "dver", "outside"),
        "Code": data_table(card, "git"),
        "Pipeline": _steps(card),
        "Environment": _environment(card),
        "Get it": [Commands((f"dver model get {quoted(f'{card.name}@{card.version}')}",))] if card.time else [],
        "Not read": _lines([(Code(one),) for one in card.problems]),
    }
    yield from (CardSection(title, tuple(blocks)) for title, blocks in found.items() if blocks)


def _facts(card: ModelCard) -> Iterator[tuple[Inline, Inline]]:
    """What is known about the version, as rows of two cells."""
    yield ("Version",), (Code(version_text(card.version)),)
    if card.stages:
        yield ("In stage",), listed_codes(card.stages)
    if card.time is not None:
        yield ("Registered",), (_day(card.time), *((" by ", Code(card.author)) if card.author else ()))
    texts = {"Message": card.message, "Type": card.type, "Path": card.path, "Experiment": card.experiment}
    yield from (((name,), (Code(text),)) for name, text in texts.items() if text)
    if card.labels:
        yield ("Labels",), listed_codes(card.labels)
    if card.size is not None:
        yield ("Size",), (human_size(card.size),)
    if card.content is not None:
        yield ("Content",), (Code(str(card.content), is_whole=True),)
    yield ("Commit",), (Code(card.commit[:_SHORT]),)


def _details(value: Any) -> list[Block]:
    """Nested values as a table of dotted keys."""
    if not isinstance(value, Mapping):
        return [Paragraph(_whole(value))] if value not in (None, "", []) else []
    rows: list[tuple[Inline, ...]] = [((Code(key),), _whole(one)) for key, one in flatten(dict(value)).items()]
    return [ReportTable((("Key",), ("Value",)), tuple(rows[:ROWS]), len(rows))] if rows else []


def _whole(value: Any) -> Inline:
    """A value in full: people write sentences into `meta`."""
    return (Code(" ".join(value.split()), is_whole=True),) if isinstance(value, str) else value_inline(value)


def _steps(card: ModelCard) -> list[Block]:
    """The stages in the order in which they ran."""
    return _lines([_step(one) for one in reversed(card.steps)])


def _step(step: CardStep) -> Inline:
    commands: list[str | Code | Toned] = []
    for command in step.commands:
        commands += [", then " if commands else ": ", Code(command, is_whole=True)]
    ran = f" ({_day(step.started)}, {step.seconds:,.1f} s)" if step.started and step.seconds is not None else ""
    variables: Inline = (", with the environment variables ", *listed_codes(step.variables)) if step.variables else ()
    return (Code(step.stage), *commands, *variables, ran)


def _environment(card: ModelCard) -> list[Block]:
    found = card.environment
    if found is None:
        return []
    facts = {"Python": found.python, "Platform": found.platform, "GPU": ", ".join(found.gpus)}
    lines: list[Inline] = [(f"{name}: ", Code(text)) for name, text in facts.items() if text]
    packages = listed_codes(f"{name}=={version}" for name, version in sorted(found.requirements.items()))
    if found.requirements == found.packages:
        folded = ItemList((packages,), 1, title=count(len(found.packages), "package")) if packages else None
        return [*_lines(lines), *([folded] if folded is not None else [])]
    return _lines([*lines, (f"Imported packages (of {len(found.packages):,}): ", *packages)])


def _lines(items: list[Inline]) -> list[Block]:
    return [ItemList(tuple(items[:ROWS]), len(items))] if items else []


def _day(time: float) -> str:
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d")

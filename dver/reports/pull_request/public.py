"""Takes secrets and absolute paths out of a section: reports are read by more people than the machine's users."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from dver.core.public_text import SecretFilter
from dver.reports.blocks.model import Block, Code, Commands, Inline, ItemList, Paragraph, Picture, Prose, ReportTable
from dver.reports.pull_request.model import SectionBody


def public_body(body: SectionBody, secrets: SecretFilter) -> SectionBody:
    """The same section without secrets."""
    line = partial(_public, secrets)
    return SectionBody(
        line(body.summary),
        tuple(_block(one, secrets) for one in body.blocks),
        tuple(map(line, body.notes)),
        secrets.value(body.facts),
    )


def _block(block: Block, secrets: SecretFilter) -> Block:
    line = partial(_public, secrets)
    match block:
        case Paragraph(text):
            return Paragraph(line(text))
        case Prose(text):
            return Prose(secrets.text(text))
        case Commands(lines):
            return Commands(tuple(map(secrets.text, lines)))
        case Picture():
            return replace(block, caption=secrets.text(block.caption))
        case ItemList():
            return replace(block, items=tuple(map(line, block.items)), more=line(block.more))
        case ReportTable():
            rows = tuple(tuple(map(line, row)) for row in block.rows)
            return replace(block, header=tuple(map(line, block.header)), rows=rows, more=line(block.more))


def _public(secrets: SecretFilter, text: Inline) -> Inline:
    """A line without secrets. Only code comes from the repository."""
    return tuple(replace(one, text=secrets.text(one.text)) if isinstance(one, Code) else one for one in text)

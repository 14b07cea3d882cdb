"""A model card as Markdown, for Git hosts and model hubs."""

from __future__ import annotations

from typing import Final

from dver.models.card.card import ModelCard
from dver.reports.blocks.markdown import MarkdownForm, block_markdown, inline_markdown, joined_blocks
from dver.reports.model_card.document import introduction, sections_of, title_of

_FORM: Final = MarkdownForm()


def render_card_markdown(card: ModelCard) -> bytes:
    """The card, complete."""
    parts = [f"# {inline_markdown(title_of(card))}", *(block_markdown(one, _FORM) for one in introduction(card))]
    for section in sections_of(card):
        parts += [f"## {section.title}", *(block_markdown(one, _FORM) for one in section.blocks)]
    return joined_blocks(parts).encode("utf-8", "backslashreplace")

"""A model card as an HTML page that stands alone."""

from __future__ import annotations

from typing import Final

from dver.core.html_page import mark_of
from dver.models.card.card import ModelCard
from dver.reports.blocks.html import block_html, render_blocks_page
from dver.reports.model_card.document import CardSection, introduction, sections_of, title_of

MARK: Final = mark_of("model card")


def render_card_page(card: ModelCard) -> bytes:
    """The page, complete."""
    body = "".join((*map(block_html, introduction(card)), *map(_section, sections_of(card))))
    return render_blocks_page(MARK, title_of(card), body)


def _section(section: CardSection) -> str:
    return f"<section>\n<h2>{section.title}</h2>\n{''.join(map(block_html, section.blocks))}</section>\n"

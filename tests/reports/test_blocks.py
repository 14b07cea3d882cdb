"""Blocks as Markdown and HTML: names and text of people are shown as they are, and never act."""

from __future__ import annotations

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dver.core.html_page import mark_of
from dver.pipelines.definition.param_files import ABSENT
from dver.reports.blocks.html import block_html, inline_html, render_blocks_page
from dver.reports.blocks.markdown import MarkdownForm, block_markdown, inline_markdown, joined_blocks
from dver.reports.blocks.model import (
    CODE_MAX,
    Block,
    Code,
    Commands,
    ItemList,
    Paragraph,
    Picture,
    Prose,
    ReportTable,
    Tone,
    Toned,
)
from dver.reports.blocks.values import difference_text, listed_codes, value_inline

FORM = MarkdownForm()
TABLE = ReportTable((("File",), ("Size",)), (((Code("a|b"),), ("1 B",)),), 3, frozenset((1,)), (Code("dver ls"),))


def test_names_are_code_that_tables_and_hosts_leave_alone() -> None:
    assert inline_markdown((Code("a*b_c"), " and ", Code("@me #1"))) == "`a*b_c` and `@me #1`"
    assert inline_markdown((Code("a|b`c"),)) == "``a|b`c``"
    assert inline_markdown((Code("a|b`c"),), in_table=True) == "<code>a&#124;b&#96;c</code>"
    assert inline_markdown((Code(" a "),)) == "`  a  `"
    assert inline_markdown((Code("line\nnext\udcff"),)) == r"`line\nnext\xff`"
    assert inline_html((Code("<b>&"),)) == "<code>&lt;b&gt;&amp;</code>"


def test_words_are_escaped_and_toned() -> None:
    assert inline_markdown(("a_b <c> @d", Toned("better", Tone.BETTER))) == r"a\_b \<c\> \@d🟢 better"
    assert inline_html(("<c>", Toned("worse", Tone.WORSE))) == '&lt;c&gt;<span class="worse">worse</span>'


def test_long_names_are_shortened_unless_they_are_shown_whole() -> None:
    text = "x" * (CODE_MAX + 1)
    assert Code(text).shown == "x" * (CODE_MAX - 1) + "…"
    assert Code(text, is_whole=True).shown == text
    assert inline_html((Code(text, is_whole=True),)) == f"<code class=whole>{text}</code>"


@pytest.mark.parametrize(
    ("text", "markdown"),
    [
        ("One\n  line.\n\n \n\nTwo *lines*.", "One line.\n\nTwo \\*lines\\*."),
        ("# heading", "\\# heading"),
        ("- item", "\\- item"),
        ("1. item", "1\\. item"),
        ("2) item", "2\\) item"),
        ("===", "\\==="),
        ("https://example.org/a_b", "https&#58;//example.org/a\\_b"),
        ("<img src=x>", "\\<img src=x\\>"),
        ("    code", "code"),
        ("  \n ", ""),
    ],
)
def test_prose_is_plain_paragraphs(text: str, markdown: str) -> None:
    assert block_markdown(Prose(text), FORM) == markdown


def test_tables_say_what_they_leave_out() -> None:
    left = "… 2 more rows left out: `dver ls`"
    assert block_markdown(TABLE, FORM) == f"| File | Size |\n| --- | ---: |\n| <code>a&#124;b</code> | 1 B |\n\n{left}"
    assert block_markdown(TABLE, MarkdownForm(rows=0)) == "… 3 rows left out: `dver ls`"
    page = block_html(TABLE)
    assert '<th class="number">Size</th>' in page
    assert "… 2 more rows left out: <code>dver ls</code>" in page


def test_lists_can_be_closed() -> None:
    found = ItemList(((Code("a"),), ("b",)), 2, "2 items")
    assert block_markdown(found, FORM) == "<details><summary>2 items</summary>\n\n- `a`\n- b\n\n</details>"
    assert block_html(found).startswith("<details><summary>2 items</summary>\n<ul>\n<li><code>a</code></li>")


def test_commands_and_pictures() -> None:
    assert block_markdown(Commands(("dver pull", "dver ls")), FORM) == "```\ndver pull\ndver ls\n```"
    assert block_markdown(Commands(("echo ````",)), FORM) == "`````\necho ````\n`````"
    assert block_html(Commands(("a < b",))) == "<pre><code>a &lt; b</code></pre>\n"
    picture = Picture("roc.png", "roc.csv", b"png")
    assert block_markdown(picture, FORM) == "`roc.csv`: picture `roc.png`"
    linked = block_markdown(picture, MarkdownForm(links={"roc.png": "https://example.org/1"}))
    assert linked == "`roc.csv`\n\n![roc.csv](https://example.org/1)"
    assert 'src="data:image/png;base64,cG5n"' in block_html(picture)


def test_a_page_has_a_heading_and_nothing_to_load() -> None:
    page = render_blocks_page(mark_of("x"), ("Of ", Code("<a>"), Toned("b", Tone.PLAIN)), "<p>body</p>\n").decode()
    assert "<title>Of &lt;a&gt;b</title>" in page
    assert '<h1>Of <code>&lt;a&gt;</code><span class="plain">b</span></h1>' in page
    assert "http" not in page.replace("http-equiv", "")


def test_values_are_numbers_or_code() -> None:
    assert value_inline(0.123456789) == ("0.12346",)
    assert value_inline("text") == (Code("text"),)
    assert value_inline("") == (Code('""'),)
    assert value_inline([1, None]) == (Code("[1, null]"),)
    assert value_inline(ABSENT) == ("-",)
    assert [difference_text(one) for one in (0.5, -2, 0, None, float("nan"))] == ["+0.5 ↑", "-2 ↓", "", "", ""]
    assert listed_codes(["a", "b"]) == (Code("a"), ", ", Code("b"))


BLOCKS = st.text(max_size=40).flatmap(
    lambda text: st.sampled_from(
        [
            Prose(text),
            Paragraph((text.replace("\n", " "), Code(text))),
            ItemList(((Code(text),),), 1),
            Commands((text,)),
        ]
    )
)


@given(BLOCKS)
def test_no_text_becomes_an_element_of_a_page(block: Block) -> None:
    tags = set(re.findall(r"<(/?\w+)", block_html(block)))
    assert tags <= {"p", "/p", "code", "/code", "ul", "/ul", "li", "/li", "pre", "/pre"}


@given(st.text(max_size=40))
def test_code_in_markdown_is_one_line_that_reads_back(text: str) -> None:
    markdown = inline_markdown((Code(text),), in_table=True)
    assert "\n" not in markdown
    assert "|" not in markdown
    span = re.fullmatch("(`+)( ?)(.*)\\2\\1", markdown)
    plain = span[3] if span else html.unescape(re.sub("</?code>", "", markdown))
    assert plain == Code(text).shown


def test_blocks_are_separated_by_empty_lines() -> None:
    assert joined_blocks(["# a", "", "b"]) == "# a\n\nb\n"

"""Markdown of reports: read as GitHub's own parser reads it, whatever names contain, and never too long."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from cmarkgfm import github_flavored_markdown_to_html
from cmarkgfm.cmark import Options
from hypothesis import example, given
from hypothesis import strategies as st

from dver.reports.blocks.markdown import code_markdown
from dver.reports.blocks.model import Block, Code, Inline, ItemList, Paragraph, Picture, ReportTable, Tone, Toned
from dver.reports.pull_request.markdown import LIMIT, render_markdown
from dver.reports.pull_request.model import PullRequestReport, ReportedVersion, ReportSection, SectionBody

HOSTILE = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "a|b",
    "a\\|b",
    "`a` b",
    "``",
    "@somebody",
    "#1",
    "https://example.org/x",
    "www.example.org",
    "[a](https://example.org)",
    "![a](https://example.org/x.png)",
    "a\nb\n\n# heading",
    "<!-- key -->",
    "</code></details>",
    "&lt;b&gt;",
    " leading and trailing ",
    "*a* _b_ ~c~",
    "- a",
    "",
    "a\\",
    "\\",
    "caf\udce9",
    "\u202egnp.exe",
    "$x$ :smile:",
)
NAMES = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=30), st.text(alphabet="`|\\<>&@#*_[]() \na", max_size=12))


def make_report(
    *blocks: Block, summary: Inline = ("Something changed.",), notes: tuple[Inline, ...] = ()
) -> PullRequestReport:
    """A report with one section with content, and one without."""
    return PullRequestReport(
        ReportedVersion("main", "main", None),
        ReportedVersion("workspace", "workspace", None),
        (
            ReportSection("data", "Data", "no data changed", SectionBody(summary, blocks, notes)),
            ReportSection("plots", "Plots", "no plots changed", SectionBody()),
        ),
    )


def make_table(rows: int, cell: str = "cell") -> ReportTable:
    found = tuple(((Code(f"{cell}-{at}"),), (f"{at}",)) for at in range(rows))
    return ReportTable((("Name",), ("Number",)), found, rows, frozenset((1,)), ("run ", Code("dver diff")))


class Page(HTMLParser):
    """The tags of a page, the text in its code elements, and its table cells."""

    def __init__(self, markdown: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.codes: list[str] = []
        self._is_code = False
        self.feed(github_flavored_markdown_to_html(markdown, Options.CMARK_OPT_UNSAFE))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag == "code":
            self._is_code = True
            self.codes.append("")

    def handle_endtag(self, tag: str) -> None:
        self._is_code = self._is_code and tag != "code"

    def handle_data(self, data: str) -> None:
        if self._is_code:
            self.codes[-1] += data


@given(NAMES)
@example("a\\|b")
def test_a_name_is_shown_as_it_is_and_means_nothing(name: str) -> None:
    table = ReportTable((("Name",), ("Next",)), (((Code(name),), ("1",)),), 1)
    page = Page(render_markdown(make_report(table, ItemList(((Code(name),),), 1), Paragraph(("at ", Code(name))))))

    shown = Code(name).shown
    assert page.codes == [shown] * 3
    assert set(page.tags) <= {"h2", "h3", "p", "code", "table", "thead", "tbody", "tr", "th", "td", "ul", "li"}
    assert page.tags.count("td") == 2


@given(NAMES)
def test_code_in_a_table_is_one_line_without_a_bar(name: str) -> None:
    text = code_markdown(Code(name), in_table=True)

    assert "\n" not in text
    assert "|" not in text


def test_a_picture_is_linked_if_it_has_a_url() -> None:
    report = make_report(Picture("roc.png", "plots/roc.csv ![x](y)", b""))

    assert "picture `roc.png`" in render_markdown(report)
    page = Page(render_markdown(report, links={"roc.png": "report_files/roc.png"}))
    assert page.tags.count("img") == 1


def test_words_with_a_tone_have_a_mark() -> None:
    text = render_markdown(make_report(summary=(Toned("2 better", Tone.BETTER), ", ", Toned("1 worse", Tone.WORSE))))

    assert "🟢 2 better, 🔴 1 worse" in text


def test_sections_without_changes_are_one_line() -> None:
    assert render_markdown(make_report()).endswith("Something changed.\n\nNo plots changed.\n")


def test_a_report_that_fits_is_complete() -> None:
    text = render_markdown(make_report(make_table(500)))

    assert "`cell-499`" in text
    assert "left out" not in text


def test_a_long_report_says_what_it_leaves_out_and_where_it_is() -> None:
    text = render_markdown(make_report(make_table(50_000), notes=((Code("a note"),),)))

    assert LIMIT - 200 < len(text.encode()) <= LIMIT
    rows = len(re.findall(r"^\| `cell-", text, re.MULTILINE))
    assert f"… {50_000 - rows:,} more rows left out: run `dver diff`" in text
    assert "> `a note`" in text
    assert text.endswith("No plots changed.\n")


def test_a_table_of_rows_that_the_report_never_had_says_so() -> None:
    table = ReportTable((("Name",),), (((Code("a"),),),), 7, more=("run ", Code("dver diff")))

    assert "… 6 more rows left out: run `dver diff`" in render_markdown(make_report(table))


@pytest.mark.parametrize("limit", [1000, 1500, 3000, 20_000, 1_000_000])
@pytest.mark.parametrize("cell", ["cell", "é" * 190, "|" * 190])
def test_no_report_is_longer_than_its_limit(limit: int, cell: str) -> None:
    section = ReportSection("data", "Data", "no data changed", make_report(make_table(300, cell)).sections[0].body)
    report = make_report()
    many = PullRequestReport(report.old, report.new, (section,) * 5)

    text = render_markdown(many, limit=limit)

    assert len(text.encode()) <= limit
    assert "left out" in text.lower() or limit == 1_000_000


def test_sections_that_do_not_fit_are_named() -> None:
    notes = tuple((Code(f"{at}" + "x" * 150),) for at in range(20))
    section = make_report(make_table(3), notes=notes).sections[0]
    many = PullRequestReport(make_report().old, make_report().new, (section,) * 3)

    text = render_markdown(many, limit=5000)

    assert len(text.encode()) <= 5000
    assert "Left out, because the report is too long: Data, Data. Run `dver report -o report.html`" in text

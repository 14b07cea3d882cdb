"""The documentation says what is: its commands parse, its links lead somewhere, its tests and its numbers exist."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from docpages import sizes
from docpages.commands import parse

from dver.cli.dvc_hints import OPTIONS, VERBS

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "bench/README.md", *(ROOT / "docs").rglob("*.md")])
WRITTEN = [page for page in PAGES if page.name != "cli.md"]  # that one is made from the commands themselves
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
LINE = re.compile(r"^(?:[\w-]*\$ |sudo )?(dver .+)$", re.MULTILINE)
INLINE = re.compile(r"`((?:[\w-]*\$ )?dver [^`]+)`")
SEPARATOR = re.compile(r"\s(?:&&|;|\|\|?)\s")


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


def commands(page: Path) -> Iterator[tuple[str, bool]]:
    """Each command line of a page, and whether it is complete: in a sentence, `dver add` stands for the verb."""
    text = page.read_text()
    for block in FENCE.findall(text):
        for line in LINE.findall(block):
            yield from ((part, True) for part in SEPARATOR.split(line) if part.startswith("dver "))
    for line in INLINE.findall(FENCE.sub("", text)):
        yield line, False


@pytest.mark.parametrize("page", WRITTEN, ids=named)
def test_every_command_in_the_docs_exists(page: Path) -> None:
    wrong = []
    for line, complete in commands(page):
        try:
            parse(line, complete=complete)
        except click.UsageError as error:
            wrong.append(f"{line}: {error.format_message()}")
    assert not wrong


def test_the_check_of_commands_would_notice() -> None:
    for line in ("dver ad data", "dver add --no-such-option", "dver remote ad x", "dver cat"):
        with pytest.raises(click.UsageError):
            parse(line, complete=True)


def test_the_docs_show_commands() -> None:
    assert sum(1 for page in WRITTEN for _ in commands(page)) > 50


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_link_in_the_docs_leads_somewhere(page: Path) -> None:
    text = FENCE.sub("", page.read_text())
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), target
        if anchor:
            assert anchor in headings(linked), target


def headings(page: Path) -> set[str]:
    """The anchors of a page, as GitHub and GitLab make them."""
    lines = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", line.lower()).replace(" ", "-") for line in lines}


def test_every_invariant_has_its_test() -> None:
    text = (ROOT / "docs/invariants.md").read_text()
    rows = re.findall(r"^\| *(\d+) *\|.*\|(.*)\|$", text, re.MULTILINE)
    assert [int(number) for number, _ in rows] == list(range(1, len(rows) + 1))
    for number, tests in rows:
        found = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", tests)
        assert found, f"invariant {number} names no test"
        for path, name in found:
            assert f"def {name}(" in (ROOT / path).read_text(), f"invariant {number}: {path}::{name}"


def test_every_file_that_the_docs_name_exists() -> None:
    for page in WRITTEN:
        for path in re.findall(r"`((?:dver|tests|bench)/[\w./-]+\.\w+)`", page.read_text()):
            assert (ROOT / path).exists(), f"{named(page)}: {path}"


def test_the_page_of_sizes_is_up_to_date() -> None:
    assert (ROOT / "docs/format/sizes.md").read_text() == sizes.page(), "run `make docs`"


def test_the_page_for_users_of_dvc_has_all_hints() -> None:
    rows = [line for line in (ROOT / "docs/from-dvc.md").read_text().splitlines() if line.startswith("| `")]
    hints = [(f"{verb.removeprefix('dver')}`", hint) for verb, hint in VERBS.items()]
    hints += [(f"`{option}`", hint) for options in OPTIONS.values() for option, hint in options.items()]
    for word, hint in hints:
        assert any(word in row and hint in row for row in rows), (word, hint)

from __future__ import annotations

import json
from html.parser import HTMLParser

from dver.pipelines.plots.page import MARK, Image, ImagePlot, VegaPlot, render_page

EVIL = "</script><script>alert(1)</script><!--<script>"


class Seen(HTMLParser):
    """What a browser would see."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self._inside = ""
        self.feed(content.decode())
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._inside = tag

    def handle_data(self, data: str) -> None:
        self.texts.setdefault(self._inside, []).append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]


def test_nothing_in_data_or_names_becomes_part_of_the_page() -> None:
    spec = {"title": EVIL, "data": {"values": [{EVIL: EVIL, "amp": "&lt;\u2028"}]}}
    content = render_page([VegaPlot(EVIL, spec)], EVIL, f"const a = '{EVIL}';")
    seen = Seen(content)
    assert len(seen.all("script")) == 3
    assert json.loads(seen.texts["script"][0]) == [spec]
    assert "".join(seen.texts["script"]).count("alert(1)") == 4
    assert not [tag for tag, _ in seen.tags if tag in ("img", "link", "iframe")]
    assert seen.texts["h2"][0] == seen.texts["title"][0] == EVIL


def test_the_page_reaches_for_nothing() -> None:
    pictures = ImagePlot("a.png", (Image("v1", "a.png", b"\x89PNG"), Image("<v2>", "a.png", b"x")))
    content = render_page([VegaPlot("a", {"data": {"url": "https://example.org"}}), pictures], "title", "")
    seen = Seen(content)
    policy = seen.all("meta")[1]
    assert policy["http-equiv"] == "Content-Security-Policy"
    assert (policy["content"] or "").startswith("default-src 'none';")
    assert "http" not in (policy["content"] or "")
    assert not [attrs for _, attrs in seen.tags if "href" in attrs]
    assert [attrs["src"] for _, attrs in seen.tags if "src" in attrs] == [
        "data:image/png;base64,iVBORw==", "data:image/png;base64,eA=="
    ]  # fmt: skip
    assert seen.all("img")[1]["alt"] == "a.png at <v2>"


def test_pictures_alone_need_no_script() -> None:
    content = render_page([ImagePlot("a.svg", (Image("v1", "a.SVG", b"<svg/>"),))], "title", "")
    assert content.startswith(MARK)
    assert not Seen(content).all("script")
    assert (Seen(content).all("img")[0]["src"] or "").startswith("data:image/svg+xml;base64,")


def test_names_that_are_no_text_do_not_break_the_page() -> None:
    assert b"caf?.csv" in render_page([VegaPlot("caf\udce9.csv", {})], "title", "")


def test_a_wide_screen_has_several_columns_and_what_is_wide_takes_them_all() -> None:
    facets = [VegaPlot("c", {"facet": {}}), VegaPlot("d", {"encoding": {"column": {}}})]
    pictures = [Image("v1", "a.png", b""), Image("v2", "a.png", b"")]
    plots = [
        VegaPlot("a", {"encoding": {"x": {}}}),
        ImagePlot("b", (pictures[0],)),
        *facets,
        ImagePlot("e", tuple(pictures)),
    ]
    seen = Seen(render_page(plots, "title", ""))
    assert [one.get("class") for one in seen.all("section")] == [None, None, "wide", "wide", "wide"]
    assert "grid-template-columns: repeat(auto-fill" in "".join(seen.texts["style"])

"""The HTML page of all plots: one file that needs no network and cannot use it."""

from __future__ import annotations

import base64
import html
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from dver.core.display import Displayed
from dver.core.html_page import mark_of, render_document, script_json
from dver.pipelines.plots.definition import IMAGES

MARK: Final = mark_of("plots")
"""The beginning of each page, by which dver recognizes it."""

_POLICY: Final = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; img-src data: blob:"
)
"""Vega compiles expressions to functions and sets styles. Nothing can be loaded from the network."""

_STYLE: Final = """\
:root { color-scheme: light dark; }
body { font: 15px/1.4 system-ui, sans-serif; margin: 2rem auto; max-width: 140rem; padding: 0 1rem; }
main { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 33rem), 1fr)); gap: 2rem 1.5rem; }
section { min-width: 0; }
.wide { grid-column: 1 / -1; }
h2 { font-size: 1.1rem; margin: 0 0 .5rem; overflow-wrap: anywhere; }
.chart { background: white; color: black; border-radius: 6px; padding: .5rem; overflow-x: auto; }
.pictures { display: flex; flex-wrap: wrap; gap: 1rem; }
figure { margin: 0; max-width: 44rem; flex: 1 1 18rem; }
figure img { max-width: 100%; background: white; border-radius: 6px; }
figcaption { font-weight: 600; overflow-wrap: anywhere; }
"""

_DRAW: Final = """\
const charts = JSON.parse(document.getElementById("charts").textContent);
const options = {mode: "vega-lite", actions: {export: true, source: false, compiled: false, editor: false}};
charts.forEach((chart, number) => {
  const place = document.getElementById("chart-" + number);
  vegaEmbed(place, chart, options).catch(error => { place.textContent = "This chart cannot be drawn: " + error; });
});
"""


@dataclass(frozen=True, slots=True, repr=False)
class VegaPlot(Displayed):
    """A plot that Vega draws."""

    name: str
    spec: Mapping[str, Any]

    def _repr_mimebundle_(self, **_: object) -> Mapping[str, object]:
        """The chart, for notebooks that draw Vega-Lite."""
        return {"application/vnd.vegalite.v5+json": dict(self.spec), "text/plain": repr(self)}


@dataclass(frozen=True, slots=True, repr=False)
class Image(Displayed):
    """An image at one revision."""

    rev: str
    name: str
    """Its file name; the suffix gives its type."""
    content: bytes


@dataclass(frozen=True, slots=True, repr=False)
class ImagePlot(Displayed):
    """An image at all revisions that have it."""

    name: str
    pictures: tuple[Image, ...]


RenderedPlot = VegaPlot | ImagePlot


def render_page(plots: Sequence[RenderedPlot], title: str, javascript: str) -> bytes:
    """The HTML page. `javascript` defines `vegaEmbed`; it is empty if there is nothing to draw."""
    # Without `$schema`: the embedded Vega would warn about other versions.
    specs = [
        {key: part for key, part in one.spec.items() if key != "$schema"} for one in plots if isinstance(one, VegaPlot)
    ]
    number = iter(range(len(specs)))
    sections = "".join(
        _section(
            one, f'<div class="chart" id="chart-{next(number)}"></div>' if isinstance(one, VegaPlot) else _row(one)
        )
        for one in plots
    )
    scripts = (
        f'<script type="application/json" id="charts">{script_json(specs)}</script>\n'
        f"<script>{_script(javascript)}</script>\n<script>\n{_DRAW}</script>\n"
    )
    body = f"<h1>{html.escape(title)}</h1>\n<main>\n{sections}</main>\n{scripts if specs else ''}"
    return render_document(MARK, title, body, style=_STYLE, policy=_POLICY)


def _section(one: RenderedPlot, content: str) -> str:
    wide = ' class="wide"' if _is_wide(one) else ""
    return f"<section{wide}>\n<h2>{html.escape(one.name)}</h2>\n{content}\n</section>\n"


def _is_wide(one: RenderedPlot) -> bool:
    """True for a plot that takes the full width of the page: several images or charts side by side."""
    if isinstance(one, ImagePlot):
        return len(one.pictures) > 1
    encoding = one.spec.get("encoding")
    placed = (*one.spec, *(encoding if isinstance(encoding, Mapping) else ()))
    return not {"facet", "column", "row", "hconcat", "concat"}.isdisjoint(placed)


def _row(one: ImagePlot) -> str:
    return f'<div class="pictures">\n{"".join(map(_figure, one.pictures))}</div>'


def _figure(one: Image) -> str:
    kind = IMAGES[os.path.splitext(one.name)[1].lower()]
    data = base64.b64encode(one.content).decode()
    name = html.escape(f"{one.name} at {one.rev}")
    image = f'<img alt="{name}" src="data:{kind};base64,{data}">'
    return f"<figure><figcaption>{html.escape(one.rev)}</figcaption>{image}</figure>\n"


def _script(text: str) -> str:
    """A script in which HTML sees no end of it: in strings and patterns of JavaScript, `\\x3c` is `<`."""
    return text.replace("</script", "\\x3c/script").replace("<!--", "\\x3c!--").replace("<script", "\\x3cscript")

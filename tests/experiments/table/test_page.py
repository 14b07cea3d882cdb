from __future__ import annotations

import html
import json
import math
import re
from collections.abc import Sequence
from typing import Any

from browsing import needs_chromium, opened_in_browser
from experimenting import BASELINE, baseline_row, row

from dver.experiments.table.page import MARK, render_table_page
from dver.experiments.table.rows import ReferenceRow
from dver.experiments.table.table import ExperimentTable, TableQuery, build_table
from dver.formats.experiment import Experiment, ExperimentStatus

ODD = "</script><script>document.title='bad'</script><!-- & \"'"
ROWS = [
    row(1, {"auc": 0.75, "loss": math.nan}, {"lr": 0.1, "opt": "adam"}),
    row(2, {"auc": 0.5, "loss": 0.1}, {"lr": 0.001, "opt": "sgd"}, name=ODD, message=ODD),
    row(3, {"auc": 0.9, "loss": 0.2}, {"lr": 0.00001, "opt": ODD}, status=ExperimentStatus.RUNNING),
    row(4, params={"lr": 10**40, "opt": None}, status=ExperimentStatus.FAILED),
]


def table(rows: Sequence[Experiment] = ROWS) -> ExperimentTable:
    return build_table(
        rows,
        TableQuery(),
        workspace=ReferenceRow(name="workspace"),
        baselines_of=lambda commits: {one: baseline_row(one, params={"params.yaml": {"lr": 0.1}}) for one in commits},
        head=BASELINE,
    )


def data_of(page: bytes) -> Any:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page.decode(), re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def test_a_page_has_the_values_that_javascript_can_represent() -> None:
    found = data_of(render_table_page(table(), "Experiments"))
    assert [one["title"] for one in found["columns"]][4:] == ["auc", "loss", "lr", "opt"]
    cells = {one["cells"][0]: one["cells"][4:] for one in found["rows"]}
    assert cells["exp-1"] == [0.75, "nan", 0.1, "adam"]
    assert cells["exp-4"] == [None, None, str(10**40), "null"]
    assert [one.get("reference", False) for one in found["rows"]] == [True, True, False, False, False, False]
    assert {one["base"] for one in found["rows"]} == {-1, 1}


def test_a_page_may_load_nothing_and_escapes_everything() -> None:
    page = render_table_page(table(), ODD)
    assert page.startswith(MARK)
    text = page.decode()
    assert html.escape("default-src 'none'") in text
    assert text.count("<script") == text.count("</script>") == 2
    assert html.escape(ODD) in text


USE_THE_PAGE = """() => {
  const done = [];
  const all = selector => [...document.querySelectorAll(selector)];
  const names = () => all("tbody tr:not(.space):not(.reference)").map(one => one.cells[0].textContent);
  const click = title => all("thead button").find(one => one.textContent.startsWith(title)).click();
  const filter = (title, value) => {
    const input = document.querySelector(`input[aria-label="filter ${title}"]`);
    input.value = value;
    input.dispatchEvent(new Event("input"));
  };
  const pointer = (type, target, x, y) =>
    target.dispatchEvent(new PointerEvent(type, {clientX: x, clientY: y, bubbles: true}));
  const step = (name, act) => { act(); done.push([name, names()]); };
  step("first", () => {});
  step("ascending", () => click("auc"));
  step("descending", () => click("auc"));
  step("above", () => filter("auc", "> 0.6"));
  step("range", () => filter("auc", "0.4..0.8"));
  step("text", () => { filter("auc", ""); filter("opt", "SCRIPT"); });
  step("reset", () => document.getElementById("reset").click());
  const svg = document.querySelector("#plot svg"), box = svg.getBoundingClientRect();
  step("brushed", () => {
    const at = [...svg.querySelectorAll(".title")].find(one => one.textContent === "auc").getAttribute("x");
    pointer("pointerdown", svg, box.left + Number(at), box.top + 40);
    pointer("pointermove", window, box.left + Number(at), box.top + 60);
    pointer("pointerup", window, box.left + Number(at), box.top + 60);
  });
  const scales = [...svg.querySelectorAll(".scale")].map(one => one.textContent);
  const marked = document.querySelectorAll("td.differs").length;
  return {done, scales, marked, rows: document.querySelectorAll("tbody tr").length, title: document.title,
    count: document.getElementById("count").textContent, wide: document.documentElement.scrollWidth - innerWidth};
}"""


def in_browser(page: bytes) -> Any:
    """What a user finds in the page. Its policy is in force."""
    with opened_in_browser(page) as (shown, messages):
        return {**shown.evaluate(USE_THE_PAGE), "messages": messages}


@needs_chromium
def test_a_browser_sorts_filters_and_brushes() -> None:
    found = in_browser(render_table_page(table(), ODD, parallel_coordinates=True))
    assert found["messages"] == []
    assert dict(found["done"]) == {
        "first": ["exp-4", "exp-3", ODD, "exp-1"],
        "ascending": [ODD, "exp-1", "exp-3", "exp-4"],
        "descending": ["exp-3", "exp-1", ODD, "exp-4"],
        "above": ["exp-3", "exp-1"],
        "range": ["exp-1", ODD],
        "text": ["exp-3"],
        "reset": ["exp-4", "exp-3", ODD, "exp-1"],
        "brushed": ["exp-3"],
    }
    assert found["count"] == "1 of 4 experiments"
    assert found["marked"] == 2
    assert found["wide"] <= 0


@needs_chromium
def test_ten_thousand_experiments_are_a_few_elements() -> None:
    many = [row(at, {"auc": (at + 1) / 10_000}, {"lr": 1e-5 * (at + 1), "opt": "<b>"[at % 3]}) for at in range(10_000)]
    page = render_table_page(table(many), "Many", parallel_coordinates=True)
    assert len(page) < 2_000_000
    found = in_browser(page)
    assert found["messages"] == []
    steps = dict(found["done"])
    assert steps["first"][0] == "exp-9999"
    assert steps["descending"][0] == steps["above"][0] == "exp-9999"
    assert steps["range"][0] == "exp-7999"
    assert found["scales"][:2] == ["log", "linear"]
    assert found["rows"] < 100

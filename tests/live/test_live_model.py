"""Any sequence of log calls and resumed runs leaves the files that a simple model has."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from dver import live

NAMES = ("loss", "val/acc", "a/b/c")
LOG = st.tuples(
    st.dictionaries(st.sampled_from(NAMES), st.integers() | st.floats(allow_nan=False), min_size=1),
    st.none() | st.integers(0, 8),
)
RUNS = st.lists(st.lists(LOG, max_size=6), min_size=1, max_size=4)


class Model:
    """The rows of each metric and the latest values."""

    def __init__(self) -> None:
        self.rows: dict[str, list[tuple[int, float]]] = {}
        self.values: dict[str, float] = {}
        self.step = -1

    def log_run(self, calls: list[tuple[dict[str, float], int | None]]) -> None:
        begun: set[str] = set()
        at_step: set[str] | None = None
        for values, given_step in calls:
            step = given_step
            if step is None:
                step = self.step + 1 if at_step is None or at_step & values.keys() else self.step
            if at_step is None or step != self.step:
                at_step = set()
            at_step |= values.keys()
            for name, value in values.items():
                if name not in begun:  # a resumed run repeats rows
                    self.rows[name] = [row for row in self.rows.get(name, []) if row[0] < step]
                    begun.add(name)
                self.rows[name].append((step, value))
            self.step = step
            self.values |= values


def read_rows(path: Path) -> list[tuple[int, float]]:
    lines = [line.split("\t") for line in path.read_text().splitlines()[1:]]
    return [(int(step), json.loads(value.replace("inf", "Infinity"))) for step, value in lines]


@settings(max_examples=60, deadline=None)
@given(RUNS)
def test_files_are_those_of_the_model(runs: list[list[tuple[dict[str, float], int | None]]]) -> None:
    model = Model()
    with tempfile.TemporaryDirectory() as folder:
        for number, calls in enumerate(runs):
            with live.run(folder, resume=number > 0) as run:
                assert run.step == max([model.step, *(rows[-1][0] for rows in model.rows.values())])
                model.step = run.step
                for values, step in calls:
                    run.log(values, step=step)
            model.log_run(calls)
            for name, rows in model.rows.items():
                assert read_rows(Path(folder, "plots/metrics", f"{name}.tsv")) == rows
            found = json.loads(Path(folder, "metrics.json").read_bytes()) if model.values else {"step": -1}
            nested = {"loss": model.values.get("loss"), "val": {"acc": model.values.get("val/acc")}}
            assert found["step"] == model.step
            assert found.get("loss") == nested["loss"]
            assert found.get("val", {}).get("acc") == nested["val"]["acc"]

"""The table of running stages, as a terminal shows it."""

from __future__ import annotations

import re

import pytest

from dver.cli.render.pipelines.running_stages import LineSplitter, TableWatcher
from dver.pipelines.engine.graph import Address
from dver.pipelines.engine.schedule import StageState

ONE, TWO = Address("", "one"), Address("sub", "two")


class Screen:
    """A terminal of a few lines that knows what the table needs: up, clear below, a new line at the end scrolls."""

    def __init__(self, columns: int = 60, lines: int = 6) -> None:
        self.columns, self.height = columns, lines
        self.all: list[str] = [""]
        """What has scrolled away, and what is on the screen."""
        self.row = 0

    @property
    def size(self) -> tuple[int, int]:
        return self.columns, self.height

    def write(self, text: str) -> None:
        for part in re.findall(r"\x1b\[\d*[AJ]|[\r\n]|[^\x1b\r\n]+", text):
            if part.endswith("A") and part.startswith("\x1b"):
                top = max(0, len(self.all) - self.height)
                self.row = max(top, self.row - int(part[2:-1]))
            elif part == "\x1b[J":
                self.all[self.row :] = [""]
            elif part == "\n":
                self.row += 1
                if self.row == len(self.all):
                    self.all.append("")
            elif part != "\r":
                assert len(part) < self.columns or "done" in part
                self.all[self.row] = part

    @property
    def lines(self) -> list[str]:
        return self.all[:-1]


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def screen() -> Screen:
    return Screen()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def table(screen: Screen, clock: Clock) -> TableWatcher:
    return TableWatcher(screen.write, lambda: screen.size, clock)


def later(table: TableWatcher, clock: Clock, seconds: float = 1) -> None:
    clock.now += seconds
    table.tick()


def test_each_stage_has_a_line_with_its_time_and_its_last_words(
    table: TableWatcher, screen: Screen, clock: Clock
) -> None:
    table.state_changed(ONE, StageState.RUNNING)
    table.state_changed(TWO, StageState.RUNNING)
    table.output(ONE, b"epoch 1\nepo")
    table.output(TWO, b"\x1b[31m10%\r20%\r")
    later(table, clock, 75)
    assert screen.lines == [
        "one                running     1:15  epo",
        "sub/dver.yaml:two  running     1:15  20%",
    ]
    table.output(ONE, b"ch 2\n")
    later(table, clock, 3600)
    assert screen.lines[0] == "one                running  1:01:15  epoch 2"


def test_what_is_over_scrolls_away_and_the_rest_stays_below(table: TableWatcher, screen: Screen, clock: Clock) -> None:
    table.state_changed(ONE, StageState.RUNNING)
    table.state_changed(TWO, StageState.RUNNING)
    later(table, clock, 12)
    table.state_changed(ONE, StageState.DONE)
    assert screen.lines == ["one: done in 12 s", "sub/dver.yaml:two  running     12 s  "]
    table.state_changed(TWO, StageState.STOPPED)
    table.close()
    assert screen.lines == ["one: done in 12 s", "sub/dver.yaml:two: stopped in 12 s"]


def test_a_stage_that_fails_leaves_its_last_words(table: TableWatcher, screen: Screen, clock: Clock) -> None:
    table.state_changed(ONE, StageState.RUNNING)
    table.output(ONE, b"".join(b"line %d\n" % number for number in range(20)) + b"the end")
    later(table, clock)
    table.state_changed(ONE, StageState.FAILED)
    assert screen.lines[0] == "one: failed in 1.0 s"
    assert screen.lines[1:] == [f"one | line {number}" for number in range(10, 20)] + ["one | the end"]


def test_the_table_is_never_higher_or_wider_than_the_terminal(
    table: TableWatcher, screen: Screen, clock: Clock
) -> None:
    stages = [Address("", f"stage-with-a-long-name-{number}" * 2) for number in range(20)]
    for number, one in enumerate(stages):
        table.state_changed(one, StageState.RUNNING)
        table.output(one, b"x" * 200)
        later(table, clock)
        assert len(screen.lines) == min(number + 1, screen.height - 1)
    assert screen.lines[-1] == "… and 16 more stages"
    screen.height = 3
    for one in stages:
        table.state_changed(one, StageState.DONE)
    table.close()
    done = [line for line in screen.lines if "done" in line]
    assert len(done) == 20


def test_what_needs_no_words_is_not_told(table: TableWatcher, screen: Screen) -> None:
    for state in (StageState.UP_TO_DATE, StageState.BLOCKED):
        table.state_changed(ONE, state)
    table.state_changed(ONE, StageState.RESTORED)
    table.close()
    assert screen.lines == ["one: restored"]


def test_a_stage_that_is_tried_again_stays_in_its_line(table: TableWatcher, screen: Screen, clock: Clock) -> None:
    table.state_changed(ONE, StageState.RUNNING)
    later(table, clock, 5)
    table.state_changed(ONE, StageState.RUNNING)
    later(table, clock, 5)
    assert screen.lines == ["one  running     10 s  "]


def test_a_line_without_an_end_does_not_grow_for_ever() -> None:
    split = LineSplitter()
    shown = [line for _ in range(40) for line in split.add(b"x" * 10_000)]
    assert sum(map(len, shown)) + len(split.rest) == 400_000
    assert all(len(line) <= 80_000 for line in (*shown, split.rest))


def test_what_a_progress_bar_has_written_over_is_not_kept() -> None:
    split = LineSplitter()
    for percent in range(1000):
        assert split.add(b"\r%d of 1000" % percent) == []
    assert split.rest == b"999 of 1000"
    assert split.add(b"\r\n") == [b"999 of 1000\r"]

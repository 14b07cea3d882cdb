from __future__ import annotations

from experimenting import BASELINE, baseline_row, row

from dver.cli.render.experiments.live_table import screen_lines
from dver.cli.render.terminal import Style, display_width
from dver.experiments.table.rows import ReferenceRow
from dver.experiments.table.table import TableQuery, build_table
from dver.formats.experiment import ExperimentStatus


def lines(count: int, size: tuple[int, int]) -> list[str]:
    rows = [row(at, {"auc": at / 10}, status=ExperimentStatus.RUNNING) for at in range(count)]
    table = build_table(
        rows,
        TableQuery(),
        workspace=ReferenceRow(name="workspace"),
        baselines_of=lambda commits: {one: baseline_row(one) for one in commits},
        head=BASELINE,
    )
    return list(screen_lines(table, Style(enabled=False), precision=5, size=size))


def test_the_screen_is_never_longer_or_wider_than_the_terminal() -> None:
    for size in ((80, 24), (20, 5), (200, 2)):
        found = lines(50, size)
        assert len(found) <= size[1]
        assert max(map(display_width, found)) <= size[0]


def test_the_last_line_says_how_many_run_and_how_many_are_below() -> None:
    assert lines(3, (80, 24))[-1] == "3 running of 3 experiments; Ctrl-C ends"
    assert lines(50, (80, 24))[-1] == "50 running of 50 experiments; 30 rows below; Ctrl-C ends"

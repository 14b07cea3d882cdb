from __future__ import annotations

import math
from typing import Any

import pytest

from dver.cli.context import Context
from dver.cli.render import tables, terminal
from dver.cli.render.pipelines.params_metrics import print_values
from dver.pipelines.compare.params_metrics import SideValues, ValueTable
from dver.pipelines.definition.param_files import ABSENT


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (ABSENT, "-"),
        (None, "null"),
        (True, "true"),
        (0.123456789, "0.12346"),
        (123456789.0, "1.2346e+08"),
        (123456789, "123456789"),
        (math.inf, "inf"),
        ("text", "text"),
        ("", '""'),
        ("two\nlines", '"two\\nlines"'),
        (["é", 1.5], '["é", 1.5]'),
        (["\x1b"], '["\\u001b"]'),
        ([math.nan, {"a": -math.inf}], '["NaN", {"a": "-Infinity"}]'),
    ],
)
def test_a_cell_is_short_and_printable(value: Any, text: str) -> None:
    assert tables.cell_text(value) == text


def test_a_number_has_all_digits_without_precision_and_a_sign_on_request() -> None:
    assert tables.cell_text(0.123456789, None) == "0.123456789"
    assert tables.cell_text(0.123456789, 2) == "0.12"
    assert [tables.cell_text(one, signed=True) for one in (1, 0.5, 0, -1, True)] == ["+1", "+0.5", "0", "-1", "true"]


def test_markdown_escapes_what_github_would_format(capfd: pytest.CaptureFixture[str]) -> None:
    tables.print_markdown(Context(), ["Path", "a_b"], [["x|y", "*1*"], ["<b>", "\\"]])
    assert capfd.readouterr().out == ("| Path | a\\_b |\n| --- | --- |\n| x\\|y | \\*1\\* |\n| \\<b\\> | \\\\ |\n")


def test_csv_has_all_digits_and_empty_fields_for_absent_values(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    rows = [["a,b", 0.1234567890123], [ABSENT, None], ['"', [math.nan]], ["two\nlines", True], ["\udce9", math.nan]]
    tables.print_csv(Context(), ["Path", "Value"], rows)
    assert capfdbinary.readouterr().out == (
        b'Path,Value\n"a,b",0.1234567890123\n,null\n"""","[""NaN""]"\n"two\nlines",true\n\\udce9,nan\n'
    )


def test_a_table_has_aligned_columns(capfd: pytest.CaptureFixture[str]) -> None:
    tables.print_table(Context(), ["Path", "n"], [["a", "10"], ["long", "5"]], right=[1])
    assert capfd.readouterr().out == "Path   n\na     10\nlong   5\n"


def test_on_a_narrow_terminal_the_first_column_becomes_a_heading(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(terminal, "is_terminal", lambda stream: True)
    monkeypatch.setenv("COLUMNS", "20")
    monkeypatch.setenv("NO_COLOR", "1")
    rows = [["a-long-file.json", "loss", "0.25"], ["a-long-file.json", "acc", "0.9"], ["b.json", "loss", "1"]]
    assert not tables.fits(["Path", "Metric", "new"], rows)
    tables.print_table(Context(), ["Path", "Metric", "new"], rows, right=[2])
    assert capfd.readouterr().out == "a-long-file.json\n  loss  0.25\n  acc    0.9\nb.json\n  loss  1\n"


def test_every_table_fits_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "5")
    assert tables.fits(["a long header"], [["a long cell"]])


def test_the_keys_of_all_rows_are_listed_once_in_order(capfd: pytest.CaptureFixture[str]) -> None:
    sides = (SideValues("v1", {"p.yaml": {"b": 1, "a": 2}}), SideValues("v2", {"p.yaml": {"c": 1, "b": 3}}))
    print_values(Context(), ValueTable(sides, ()), "Param", form="md", precision=None, named=False)
    assert capfd.readouterr().out.startswith("| Revision | Path | b | a | c |\n")

"""The summary of a job stays below the limit at which GitHub drops it without a word."""

from __future__ import annotations

from pathlib import Path

import pytest

from dver.ci.hosts.summary import SUMMARY_LIMIT, write_summary
from dver.core.errors import LocalIOError, UsageError


def summary(tmp_path: Path) -> tuple[Path, dict[str, str]]:
    path = tmp_path / "summary.md"
    return path, {"GITHUB_STEP_SUMMARY": str(path)}


def test_reports_are_appended(tmp_path: Path) -> None:
    path, environ = summary(tmp_path)
    write_summary("# one", environ, "")
    write_summary("# two\n", environ, "")
    assert path.read_text() == "# one\n# two\n"


@pytest.mark.parametrize("line", ["x" * 60, "🐈" * 60, "é" * 3_000])
def test_a_long_report_is_shortened_at_the_end_of_a_line(tmp_path: Path, line: str) -> None:
    path, environ = summary(tmp_path)
    write_summary(f"{line}\n" * (3_000_000 // len(line.encode())), environ, "All of it is in report.md.")
    text = path.read_bytes()
    assert SUMMARY_LIMIT // 2 < len(text) <= SUMMARY_LIMIT < 2**20
    assert text.decode().rstrip().endswith("All of it is in report.md.")
    assert all(one == line for one in text.decode().split("\n\n**Shortened")[0].splitlines())


def test_a_full_summary_is_not_made_longer(tmp_path: Path) -> None:
    path, environ = summary(tmp_path)
    path.write_bytes(b"x" * SUMMARY_LIMIT)
    write_summary("# report", environ, "")
    assert path.stat().st_size == SUMMARY_LIMIT


def test_a_job_without_a_summary_is_an_error() -> None:
    with pytest.raises(UsageError, match="no summary") as caught:
        write_summary("# report", {}, "")
    assert "--summary" in str(caught.value.fix)


def test_an_unwritable_summary_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(LocalIOError):
        write_summary("# report", {"GITHUB_STEP_SUMMARY": str(tmp_path)}, "")

"""How live rows are divided into windows: by time, or by their number."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from dver.core.errors import UsageError
from dver.monitoring.table_columns import ROW
from dver.tables.engine import quoted_name

_LENGTHS: Final = {"hour": 13, "day": 10, "week": 10, "month": 7}
"""The units of time, with the characters of an ISO 8601 text that name one."""
ROWS_MAX: Final = 10**9


@dataclass(frozen=True, slots=True)
class WindowRule:
    """Windows of a unit of time, or of a number of rows."""

    unit: str | None = None
    rows: int | None = None

    @classmethod
    def parse(cls, text: str) -> WindowRule:
        """Parse `hour`, `day`, `week`, `month`, or a number of rows. Raises UsageError."""
        if text in _LENGTHS:
            return cls(unit=text)
        if re.fullmatch(r"[0-9_,]{1,15}", text) and 0 < int(re.sub("[_,]", "", text)) <= ROWS_MAX:
            return cls(rows=int(re.sub("[_,]", "", text)))
        raise UsageError(
            f"invalid window {text!r}",
            why=f"expected {', '.join(_LENGTHS)} or a number of rows",
            fix="such as --window day --time COLUMN, or --window 1000",
        )

    def sql(self, time: str | None) -> str:
        """SQL for the number of a row's window: of the time `time` in Unix seconds, or counted from 0."""
        if self.unit is None:
            return f'"{ROW}" // {self.rows}'
        if time is None:
            raise UsageError(
                f"windows of a {self.unit} need times",
                why="no column with times was named",
                fix="name it: --time COLUMN",
            )
        return f"CAST(epoch(date_trunc('{self.unit}', {time_sql(time)})) AS BIGINT)"

    def id_of(self, number: int, first_row: str) -> str:
        """The id of the window `number`. `first_row` is a hash that tells files with the same name apart."""
        if self.unit is None:
            return f"rows/{self.rows}/{number}/{first_row}"
        return f"{self.unit}/{time_text(number)[: _LENGTHS[self.unit]]}"


def time_sql(column: str) -> str:
    """SQL for the time in a column, in UTC; null for any other value."""
    return f"TRY_CAST(CAST({quoted_name(column)} AS VARCHAR) AS TIMESTAMP)"


def time_text(seconds: float) -> str:
    """Unix seconds as text in UTC, such as `2026-11-30T00:00:00Z`.

    Raises UsageError for a time outside of the years 1000 to 9999.
    """
    with suppress(ValueError, OverflowError, OSError):
        found = datetime.fromtimestamp(int(seconds), UTC)
        if found.year >= 1000:
            return found.strftime("%Y-%m-%dT%H:%M:%SZ")
    raise UsageError(
        "a time is outside of the years 1000 to 9999",
        why=f"it is {seconds:.4g} seconds after 1970",
        fix="correct it, or name another column: --time COLUMN",
    )


def parse_time(text: str) -> str:
    """The time that a user wrote, in UTC and to the second. A time without a zone is in UTC. Raises UsageError."""
    try:
        found = datetime.fromisoformat(text)
        found = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
        if found.year >= 1000:
            return found.strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError):
        pass
    raise UsageError(f"invalid time {text!r}", why="expected a date or a time", fix="such as --at 2026-11-30T06:00")

"""`dver monitor history`: the windows of a monitor."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dver.core.display import Displayed
from dver.core.files import write_atomic
from dver.core.html_page import refuse_foreign_page
from dver.formats.monitor_history import MonitoredWindow
from dver.monitoring.history import existing_history
from dver.repo import Repository
from dver.reports.monitoring.page import MARK, render_history


@dataclass(frozen=True, slots=True, repr=False)
class MonitorHistory(Displayed):
    """The windows of a monitor, sorted by time."""

    name: str
    windows: tuple[MonitoredWindow, ...]
    older: int = 0
    """Windows that a limit left out."""


def monitor_history(repo: Repository, name: str, *, limit: int | None = None) -> MonitorHistory:
    """The windows of the monitor `name`, at most the last `limit`. Raises UsageError if there is no such monitor."""
    found = existing_history(repo, name)
    kept = found if limit is None else found[-limit:]
    return MonitorHistory(name, kept, len(found) - len(kept))


def refuse_foreign_history_page(to: Path) -> None:
    """Raise ConflictError if `to` exists and is not a page of monitors."""
    refuse_foreign_page(to, MARK, "monitors")


def write_history_page(history: MonitorHistory, to: Path) -> None:
    """Write a page with charts over time. Raises ConflictError instead of overwriting another file."""
    refuse_foreign_history_page(to)
    to.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(to, render_history(history.name, history.windows), durable=False)

"""Models and their history as text."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from dver.cli.render.terminal import Style, one_line, printable
from dver.formats.registry_tag import RegistryAction

if TYPE_CHECKING:
    from dver.ops.model.history import HistoryEvent
    from dver.ops.model.list_models import ListedModel

SHORT: Final = 7
_ACTIONS: Final = {
    RegistryAction.REGISTER: "registered",
    RegistryAction.DEREGISTER: "removed",
    RegistryAction.ASSIGN: "assigned to",
    RegistryAction.UNASSIGN: "unassigned from",
    RegistryAction.DEPRECATE: "deprecated",
    RegistryAction.CREATE: "created",
}


def model_row(model: ListedModel, style: Style) -> list[str]:
    """The row of a model in `dver model list`."""
    stages = ", ".join(f"{name}: {version_text(version)}" for name, version in model.stages.items())
    status = style.yellow("deprecated") if model.deprecated else ""
    day = day_text(model.time) if model.time is not None else "-"
    return [style.bold(model.name), model.latest or "-", day, " ".join(filter(None, (status, stages)))]


def event_rows(events: Iterable[HistoryEvent]) -> Iterator[list[str]]:
    """The rows of `dver model history`."""
    for event in events:
        text = event.message.partition("\n")[0]
        yield [
            minute_text(event.time),
            _event_text(event),
            event.commit[:SHORT],
            printable(event.author),
            one_line(text),
        ]


def event_json(event: HistoryEvent) -> dict[str, Any]:
    """An event as JSON types, which are quicker to encode than dataclasses."""
    return {
        "time": event.time,
        "action": event.action.value,
        "version": event.version,
        "stage": event.stage,
        "commit": event.commit,
        "author": event.author,
        "email": event.email,
        "message": event.message,
        "tag": event.tag,
    }


def version_text(version: str) -> str:
    """A version, or the short id of a commit that has none."""
    return version if version.startswith("v") else version[:SHORT]


def _event_text(event: HistoryEvent) -> str:
    version = version_text(event.version) if event.version is not None else ""
    return f"{version} {_ACTIONS[event.action]} {event.stage or ''}".strip()


def day_text(seconds: int) -> str:
    """The day of a tag."""
    return minute_text(seconds)[:10]


def minute_text(seconds: int) -> str:
    """The minute of a tag."""
    return _formatted(seconds // 60)


@lru_cache(maxsize=1024)
def _formatted(minutes: int) -> str:
    try:
        return time.strftime("%Y-%m-%d %H:%M", time.localtime(minutes * 60))
    except (OverflowError, ValueError, OSError):  # a tag may have any number as its time
        return "-"

"""Reading the log of an experiment, also while it grows."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final

from dver.core.errors import UsageError
from dver.core.phrasing import quoted
from dver.experiments.experiment_log import log_path
from dver.experiments.journal import Journal
from dver.experiments.leases import running
from dver.formats.experiment import Experiment

_PIECE: Final = 1 << 16
_PAUSE: Final = 0.2


def log_pieces(journal: Journal, experiment: Experiment, *, follow: bool = False) -> Iterator[bytes]:
    """The log of an experiment; of one that ran in another clone, the end. With `follow`, new output until it ends.

    Raises UsageError if there is none.
    """
    path = log_path(journal.directory, experiment.id)
    if not path.exists():
        tail = journal.log_tail(experiment.id)
        if tail is not None:
            yield tail
            return
        if not follow or not _goes_on(journal, experiment):
            raise _no_log(experiment)
    at, goes_on = 0, True
    while goes_on:
        goes_on = follow and _goes_on(journal, experiment)  # before the last read, so that no output is missed
        if path.exists():
            with path.open("rb") as file:
                file.seek(at)
                while piece := file.read(_PIECE):
                    at += len(piece)
                    yield piece
        if goes_on:
            time.sleep(_PAUSE)


def _goes_on(journal: Journal, experiment: Experiment) -> bool:
    """Whether a process runs the experiment, or will."""
    current = journal.get(experiment.id)
    waits = current is not None and not current.removed and not current.status.is_final
    return experiment.id in running(journal.directory) or waits


def _no_log(experiment: Experiment) -> UsageError:
    if experiment.status.is_final:
        return UsageError(f"experiment {experiment.name!r} has no log", why="none of its stages ran")
    return UsageError(
        f"experiment {experiment.name!r} has no log yet",
        why="it has not started",
        fix=f"`dver queue start` runs it; `dver queue logs -f {quoted(experiment.name)}` waits for it",
    )

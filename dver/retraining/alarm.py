"""Whether a monitor asks for retraining."""

from __future__ import annotations

from datetime import UTC, datetime

from dver.git.registry.references import read_artifact
from dver.monitoring.history import latest_alarm, read_history
from dver.repo import Repository


def why_not_asked(repo: Repository, monitor: str, artifact: str) -> str | None:
    """Why no retraining is needed, in a sentence; None after an alarm that no version has followed.

    Tags say which versions followed, so all clones answer alike.
    """
    if not read_history(repo, monitor):
        return f"the monitor {monitor!r} has no windows in this working tree"
    alarm = latest_alarm(repo, monitor)
    if alarm is None:
        return f"the newest window of the monitor {monitor!r} has no alarm"
    recorded = datetime.fromisoformat(alarm.recorded).replace(tzinfo=UTC).timestamp()
    versions = [one.registration for one in read_artifact(repo.git, artifact).versions if one.registration is not None]
    newest = max(versions, key=lambda one: one.time or 0, default=None)
    if newest is not None and (newest.time or 0) >= recorded:
        return f"{newest.tag.version} was registered after the alarm of {alarm.recorded}"
    return None

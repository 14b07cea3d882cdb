"""The event that has started a workflow of GitHub, from the file GITHUB_EVENT_PATH."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from dver.core.errors import UsageError

_SIZE_MAX: Final = 32 * 2**20


@dataclass(frozen=True, slots=True)
class HeadBranch:
    """The branch that a pull request offers."""

    repository: str
    """`OWNER/NAME`: another repository than the workflow's for a fork."""
    branch: str
    commit: str


@dataclass(frozen=True, slots=True)
class WorkflowEvent:
    """What an event says about pull requests."""

    number: int | None = None
    head: HeadBranch | None = None
    triggering_run: int = 0
    """The run whose end has started this workflow; 0 for other events."""


def read_event(environ: Mapping[str, str]) -> WorkflowEvent:
    """The event of this workflow; an empty one outside of GitHub Actions. Raises UsageError for an unreadable file."""
    path = environ.get("GITHUB_EVENT_PATH")
    if not path:
        return WorkflowEvent()
    try:
        with Path(path).open("rb") as file:
            payload = json.loads(file.read(_SIZE_MAX))
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(
            "cannot read the event of this workflow",
            why=f"GITHUB_EVENT_PATH: {type(error).__name__}",
            fix="unset GITHUB_EVENT_PATH, and pass `--pr NUMBER`",
        ) from error
    return parse_event(payload)


def parse_event(payload: Any) -> WorkflowEvent:
    """The event with this `payload`: of a pull request, of a comment on one, or of a workflow that has ended."""
    if isinstance(run := _get(payload, "workflow_run"), dict):
        return _ended_workflow(run)
    pull_request = _get(payload, "pull_request")
    number = _integer(_get(pull_request, "number"))
    if number is None and _get(payload, "issue", "pull_request") is not None:
        number = _integer(_get(payload, "issue", "number"))
    head = _get(pull_request, "head")
    return WorkflowEvent(number, _head(_get(head, "repo"), _get(head, "ref"), _get(head, "sha")))


def _ended_workflow(run: dict[str, Any]) -> WorkflowEvent:
    """The event for the end of the workflow `run`. GitHub names the pull requests of branches, but not those of forks.

    The number never comes from the run's artifacts: a fork can write there what it likes.
    """
    head = _head(run.get("head_repository"), run.get("head_branch"), run.get("head_sha"))
    return WorkflowEvent(None, head, _integer(run.get("id")) or 0)


def _head(repository: Any, branch: Any, commit: Any) -> HeadBranch | None:
    name = _get(repository, "full_name")
    if isinstance(name, str) and isinstance(branch, str) and isinstance(commit, str):
        return HeadBranch(name, branch, commit)
    return None


def _get(value: Any, *keys: str) -> Any:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _integer(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None

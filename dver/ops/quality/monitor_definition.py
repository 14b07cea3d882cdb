"""The options of `dver monitor`, with those that `monitors` in a `dver.yaml` has."""

from __future__ import annotations

import os
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, cast

from dver.core.errors import DverError, UsageError
from dver.core.phrasing import join_limited, quoted
from dver.monitoring.request import MonitorRequest
from dver.monitoring.request_options import MonitorOptions, monitor_request
from dver.pipelines import FILE_NAME
from dver.pipelines.definition.monitor import PATHS, MonitorDefinition
from dver.pipelines.workspace.pipelines import pipelines_of_workspace
from dver.repo import Repository

_REFERENCES: Final = frozenset(("reference", "model"))


def request_for(repo: Repository, given: MonitorOptions, *, cwd: Path) -> MonitorRequest:
    """The request of the options `given`.

    The others are from the entry of `monitors` that `name` names. Without a name, they are from the only one; but with
    a reference or a model, there are no others. Raises UsageError, and PipelineError for an invalid `dver.yaml`.
    """
    asked: dict[str, Any] = {key: value for key, value in given.items() if value not in (None, (), {})}
    has_reference = bool(asked.keys() & _REFERENCES)
    entry = None if has_reference and "name" not in asked else _definition(repo, given.get("name"), has_reference)
    if entry is None:
        return monitor_request(**given)
    folder, found = entry
    known = {"name": found.name, **found.options}
    known.update({key: _relative(repo, folder, known[key], cwd) for key in PATHS if key in known})
    if has_reference:
        known = {key: value for key, value in known.items() if key not in _REFERENCES}
    for key in ("method", "threshold", "class_score"):
        asked[key] = {**known.get(key, {}), **asked.get(key, {})}
    return monitor_request(**cast(MonitorOptions, {**known, **asked}))


def _definition(repo: Repository, name: str | None, has_reference: bool) -> tuple[str, MonitorDefinition] | None:
    """The directory of the file, and the definition; None if there is none, and none is needed beside a reference."""
    errors: list[DverError] = []
    found: dict[str, list[tuple[str, MonitorDefinition]]] = {}
    for folder, file in pipelines_of_workspace(repo).items():
        if isinstance(file, DverError):
            if not has_reference or os.path.isfile(os.path.join(repo.git.worktree, folder, FILE_NAME)):
                errors.append(file)
            continue
        for one in file.monitors.values():
            found.setdefault(one.name, []).append((folder, one))
    wanted = name or (next(iter(found)) if len(found) == 1 and not errors else None)
    if wanted is None or wanted not in found:
        if errors:  # the file may have the monitor
            raise errors[0]
        if has_reference:
            return None
        raise _not_found(wanted, sorted(found))
    if len(found[wanted]) > 1:
        folders = [folder or "." for folder, _ in found[wanted]]
        raise UsageError(
            f"several monitors have the name {wanted!r}",
            why=f"dver.yaml files in {join_limited(folders)} have it",
            fix="rename all but one",
        )
    return found[wanted][0]


def _not_found(name: str | None, known: list[str]) -> UsageError:
    fix = "--reference PATH[@REV], or --model NAME for the training data of a registered model"
    if name is None or not known:
        return UsageError(
            "give either --reference or --model",
            why=f"dver.yaml has the monitors {join_limited(known)}" if known else "no dver.yaml has monitors",
            fix=f"--name {quoted(known[0])}; or {fix}" if known else fix,
        )
    near = get_close_matches(name, known, n=1)
    return UsageError(
        f"dver.yaml has no monitor {name!r}" + (f"; did you mean {near[0]!r}?" if near else ""),
        why=f"it has {join_limited(known)}",
        fix=fix,
    )


def _relative(repo: Repository, folder: str, path: str, cwd: Path) -> str:
    """A path of a file in `folder`, as it would be typed in `cwd`."""
    absolute = os.path.join(repo.git.worktree, folder, path)
    return os.path.relpath(absolute, os.path.realpath(cwd))

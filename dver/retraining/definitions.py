"""Finds what to retrain: an entry of `retrain` in the `dver.yaml` files of the workspace."""

from __future__ import annotations

import os
import posixpath
from dataclasses import dataclass
from difflib import get_close_matches

from dver.core.errors import DverError, UsageError
from dver.core.phrasing import join_limited, quoted
from dver.monitoring.references import monitor_name
from dver.pipelines.definition.retraining import RetrainingDefinition
from dver.pipelines.workspace.pipelines import pipelines_of_workspace
from dver.repo import Repository


@dataclass(frozen=True, slots=True)
class FoundRetraining:
    """A definition, and where it is."""

    artifact: str
    """With the directory, as the registry names it: `team:churn`."""
    folder: str
    """The directory of its `dver.yaml`, relative to the top of the Git worktree."""
    definition: RetrainingDefinition

    def path(self, relative: str) -> str:
        """A path of the definition, relative to the top of the Git worktree."""
        return posixpath.normpath(posixpath.join(self.folder, relative))

    @property
    def monitor(self) -> str:
        """The monitor whose alarms ask for it; by default the one of `dver monitor --model`."""
        return self.definition.monitor or monitor_name(self.artifact)

    @property
    def targets(self) -> tuple[str, ...]:
        """The stages to run, as addresses."""
        prefix = f"{posixpath.join(self.folder, 'dver.yaml')}:" if self.folder else ""
        return tuple(one if ":" in one else f"{prefix}{one}" for one in self.definition.targets)


def find_retraining(repo: Repository, artifact: str | None) -> FoundRetraining:
    """The definition for `artifact`, or the only one. Raises UsageError, and the errors of unreadable files."""
    found = _all(repo)
    if artifact is None and len(found) == 1:
        return next(iter(found.values()))
    if artifact is not None and artifact in found:
        return found[artifact]
    names = sorted(found)
    if not names:
        raise UsageError(
            "no dver.yaml says how to retrain",
            why="none has a section `retrain`",
            fix="add one: docs/retraining.md has an example",
        )
    if artifact is None:
        raise UsageError(
            "several models can be retrained",
            why=f"the sections `retrain` name {join_limited(names)}",
            fix=f"name one: dver retrain {quoted(names[0])}",
        )
    near = get_close_matches(artifact, names, 1)
    raise UsageError(
        f"no section `retrain` names {artifact!r}",
        why=f"they name {join_limited(names)}",
        fix=f"did you mean {near[0]!r}?" if near else f"dver retrain {quoted(names[0])}",
    )


def _all(repo: Repository) -> dict[str, FoundRetraining]:
    found: dict[str, FoundRetraining] = {}
    for folder, file in pipelines_of_workspace(repo).items():
        if isinstance(file, DverError):
            raise file
        for definition in file.retraining.values():
            name = f"{folder}:{definition.artifact}" if folder else definition.artifact
            found[name] = FoundRetraining(name, os.path.normpath(folder) if folder else "", definition)
    return found

"""`dver freeze` and `dver unfreeze`: freeze stages so that `dver repro` skips them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dver.pipelines.definition.edit import set_frozen
from dver.pipelines.engine.graph import Address
from dver.pipelines.workspace.checked_edit import edit_entries, refuse_members
from dver.pipelines.workspace.pipelines import load_pipelines, select_stages
from dver.repo import Repository


def freeze(repo: Repository, targets: Sequence[str], *, cwd: Path, frozen: bool) -> tuple[Address, ...]:
    """Add `frozen: true` to the definitions of the stages that `targets` select, or remove it. A foreach or matrix is
    frozen as a whole. Returns the stages that changed.

    Raises UsageError for one member of a foreach or matrix, PipelineError for a file that cannot be changed safely.
    """
    pipelines = load_pipelines(repo)
    stages = pipelines.graph.stages
    chosen = select_stages(repo, pipelines, targets, cwd)
    refuse_members(stages, chosen, "they can be frozen together only")
    changing = [one for one in chosen if stages[one].frozen is not frozen]
    edit_entries(repo, stages, changing, lambda content, entry, name: set_frozen(content, entry, frozen, name=name))
    return tuple(changing)

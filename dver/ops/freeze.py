"""`dver freeze` and `dver unfreeze`: say of stages that they are not to be run, or that they are again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from dver.pipeline.graph import Address
from dver.pipeline.insert import set_frozen
from dver.repo import Repository
from dver.stages.pipelines import load_pipelines, select_stages
from dver.stages.yamledit import edit_pipeline, refuse_members


def freeze(repo: Repository, targets: Sequence[str], *, cwd: Path, frozen: bool) -> tuple[Address, ...]:
    """Write `frozen: true` into what `dver.yaml` says of the stages that `targets` mean, or take it away; returns those
    for which that changed something. A foreach or matrix is frozen as a whole.

    Raises UsageError for one member of a foreach or matrix, PipelineError for a file that cannot be changed safely.
    """
    pipelines = load_pipelines(repo)
    stages = pipelines.graph.stages
    chosen = select_stages(repo, pipelines, targets, cwd)
    refuse_members(stages, chosen, "they can be frozen together only")
    changing = [one for one in chosen if stages[one].frozen is not frozen]
    for folder in dict.fromkeys(one.folder for one in changing):
        names = dict.fromkeys(stages[one].group or one.name for one in changing if one.folder == folder)

        def change(content: bytes, shown: str, names: Mapping[str, None] = names) -> bytes:
            for name in names:
                content = set_frozen(content, name, frozen, name=shown)
            return content

        edit_pipeline(repo, folder, change)
    return tuple(changing)

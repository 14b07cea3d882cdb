"""`dver dag`: the graph of stages or outputs, for drawing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dver.pipelines.engine.dag_view import Diagram, output_diagram, stage_diagram
from dver.pipelines.engine.plan import stages_in_scope
from dver.pipelines.workspace.pipelines import load_pipelines, select_stages
from dver.repo import Repository


def dag(repo: Repository, targets: Sequence[str], *, cwd: Path, outs: bool = False, full: bool = False) -> Diagram:
    """The stages that `targets` select with all upstream stages, or with `outs` their outputs. With `full`, each stage
    of a foreach or matrix is a node. Raises PipelineError, UsageError."""
    pipelines = load_pipelines(repo)
    graph = pipelines.graph
    stages = stages_in_scope(graph, select_stages(repo, pipelines, targets, cwd))
    return output_diagram(graph, stages) if outs else stage_diagram(graph, stages, collapsed=not full)

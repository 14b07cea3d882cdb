"""`dver dag`."""

from __future__ import annotations

import sys
from dataclasses import replace

import click

from dver.cli import options
from dver.cli.context import Context
from dver.cli.render import terminal
from dver.cli.render.pipelines import dag_drawing
from dver.ops.run.dag import dag
from dver.pipelines.engine.dag_view import Diagram
from dver.repo import Repository


@options.command(
    examples=[
        ("dver dag", "Draw all stages."),
        ("dver dag --outs model.bin", "Draw the outputs that model.bin depends on."),
        ("dver dag --mermaid", "Print a Mermaid diagram for a README."),
    ]
)
@click.argument("targets", nargs=-1, metavar="[TARGET...]")
@click.option("--outs", is_flag=True, help="Draw outputs instead of stages.")
@click.option("--full", is_flag=True, help="Draw each stage of a foreach or matrix.")
@click.option("--mermaid", is_flag=True, help="Print Mermaid source.")
@click.option("--dot", is_flag=True, help="Print Graphviz source.")
@click.pass_obj
def command(ctx: Context, *, targets: tuple[str, ...], outs: bool, full: bool, mermaid: bool, dot: bool) -> None:
    """Draw the graph of stages.

    TARGET is a stage or an output; it is drawn with its upstream stages. The stages of a foreach or matrix share a box
    with their number. A graph that is too wide for the terminal is drawn as an indented tree.
    """
    with Repository.open(ctx.cwd) as repo:
        diagram = dag(repo, targets, cwd=ctx.cwd, outs=outs, full=full)
    diagram = replace(diagram, labels=tuple(map(terminal.printable, diagram.labels)))
    if mermaid or dot:
        ctx.say(diagram.mermaid() if mermaid else diagram.dot())
    else:
        for line in _drawn(diagram):
            ctx.say(line)
    if not diagram.labels:
        ctx.note("there are no stages: `dver stage add` adds one")


def _drawn(diagram: Diagram) -> list[str]:
    width = terminal.width()
    measure = terminal.display_width
    lines = dag_drawing.boxes(diagram, width, measure)
    if lines is None:
        lines = list(dag_drawing.tree(diagram, width, measure))
    return lines if _knows_lines() else [dag_drawing.ascii_only(line) for line in lines]


def _knows_lines() -> bool:
    try:
        "┼…".encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return False
    return True

"""`dver lineage`: show how an output was produced."""

from __future__ import annotations

import time
from collections.abc import Iterator

import click

from dver.cli import options
from dver.cli.context import Context
from dver.cli.render import terminal
from dver.cli.render.tables import cell_text
from dver.cli.render.terminal import printable
from dver.core.phrasing import human_size
from dver.formats.pack import ObjectKind
from dver.formats.run_record import RunRecord
from dver.ops.run.lineage import lineage
from dver.pipelines.engine.graph import Address
from dver.pipelines.lineage import InputOrigin, Lineage, LineageInput, LineageStep
from dver.repo import Repository


@options.command(
    examples=[
        ("dver lineage model.bin", "Show how model.bin was produced."),
        ("dver lineage model.bin --rev v1", "Show it for the model in v1."),
        ("dver lineage model.bin --mermaid", "Print a Mermaid diagram for a Markdown page."),
    ]
)
@click.argument("path")
@click.option("--rev", metavar="REV", help="Use the dver.lock of this revision.")
@click.option("--mermaid", is_flag=True, help="Print a Mermaid diagram.")
@options.json_option
@click.pass_obj
def command(ctx: Context, *, path: str, rev: str | None, mermaid: bool, as_json: bool) -> None:
    """Show how an output was produced.

    PATH is an output of a stage, or a path inside one. Lists every upstream stage with its command, the versions of its
    data and code, its parameters, and, if a record exists, who ran it, when, and on which machine.
    """
    with Repository.open(ctx.cwd) as repo:
        result = lineage(repo, path, cwd=ctx.cwd, rev=rev)
    if as_json:
        ctx.emit_json(result)
    elif mermaid:
        ctx.say("\n".join(_mermaid(result)))
    else:
        for made in result.stages:
            for line in _step_lines(made):
                ctx.say(line)


def _step_lines(made: LineageStep) -> Iterator[str]:
    outs = ", ".join(printable(one.path) for one in made.run.outs)
    yield f"{outs or 'nothing'}  was made by {printable(str(made.address))}"
    commands = [made.run.cmd] if isinstance(made.run.cmd, str) else made.run.cmd
    yield from (f"  ran     {cell_text(one)}" for one in commands)
    yield from (f"  read    {_read(one)}" for one in made.sources)
    for file, values in made.run.params.items():
        for key, value in values.items():
            yield f"  with    {printable(key)} = {cell_text(value, None)}  ({printable(file)})"
    for name, digest in made.run.env.items():
        yield f"  with    {printable(name)}  ({'not set' if digest is None else f'value not recorded, {digest[:19]}…'})"
    yield from (f"  {line}" for line in _circumstances(made.record))


def _read(source: LineageInput) -> str:
    if source.item is None:
        return f"{printable(source.place)}  (outside of the repository)"
    origin = {
        InputOrigin.STAGE: f"made by {', '.join(printable(str(one)) for one in source.stages)}",
        InputOrigin.POINTER: "data",
        InputOrigin.GIT: "in Git",
        InputOrigin.LINK: "through a link in Git",
        InputOrigin.OTHER: "neither in Git nor in dver",
    }[source.origin]
    files = f", {terminal.count(source.item.files, 'file')}" if source.item.kind is ObjectKind.TREE else ""
    return f"{printable(source.place)}  {source.item.oid.short}{files}  ({origin})"


def _circumstances(record: RunRecord | None) -> Iterator[str]:
    if record is None:
        yield "no record of this run on this machine"
        return
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(record.started))
    took = f"{record.ended - record.started:,.1f} s"
    memory = f", {human_size(record.peak_memory)} of memory" if record.peak_memory else ""
    yield f"when    {when}, {took}{memory}"
    if record.commit:
        yield f"commit  {record.commit[:12]}{', with uncommitted changes' if record.dirty else ''}"
    if record.user:
        yield f"who     {printable(record.user)}"
    where = ", ".join(printable(one) for one in (record.host, record.platform, *record.gpus) if one)
    yield f"where   {where}"
    if record.python:
        yield f"python  {printable(record.python)}, {terminal.count(len(record.packages), 'package')}"


def _mermaid(result: Lineage) -> Iterator[str]:
    names: dict[Address | str, str] = {}
    yield "flowchart TD"
    for made in result.stages:
        yield f"  {_node(names, made.address)}[{_quoted(str(made.address))}]"
    for made in result.stages:
        for source in made.sources:
            if source.stages:
                yield from (
                    f"  {_node(names, one)} -->|{_quoted(source.place)}| {_node(names, made.address)}"
                    for one in source.stages
                )
            else:
                yield f"  {_node(names, source.place)}({_quoted(source.place)}) --> {_node(names, made.address)}"


def _node(names: dict[Address | str, str], one: Address | str) -> str:
    return names.setdefault(one, f"n{len(names)}")


def _quoted(text: str) -> str:
    return '"' + printable(text).replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;") + '"'

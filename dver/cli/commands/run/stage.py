"""`dver stage`."""

from __future__ import annotations

from typing import Any

import click

from dver.cli import options
from dver.cli.context import Context
from dver.cli.notices import print_staged, warn_about_secrets
from dver.cli.render import terminal
from dver.cli.render.data.changes import path_text
from dver.core.phrasing import join_limited, quoted
from dver.ops.run.stage import add, list_stages, remove
from dver.pipelines.definition.new_stage import OUTPUT_OPTIONS, NewStage, new_outputs, shell_command
from dver.pipelines.definition.stage import OutputRole, Stage
from dver.pipelines.engine.graph import Address
from dver.repo import Repository


@options.group(
    examples=[
        ("dver stage add train -d data -p lr -o model.bin python train.py", "Add a stage with output model.bin."),
        ("dver stage list", "List all stages."),
        ("dver stage remove train", "Remove a stage."),
    ]
)
def command() -> None:
    """Add, list and remove stages.

    A stage is a command with its dependencies and outputs. `dver repro` runs the stages that are out of date.
    """


@command.command(
    name="list",
    examples=[
        ("dver stage list", "List all stages with their outputs."),
        ("dver stage list --names-only train", "List the stages of a foreach or matrix."),
    ],
)
@click.argument("targets", nargs=-1, metavar="[TARGET...]")
@click.option("--names-only", is_flag=True, help="Print only names.")
@options.json_option
@click.pass_obj
def list_command(ctx: Context, *, targets: tuple[str, ...], names_only: bool, as_json: bool) -> None:
    """List all stages, or those that TARGET selects."""
    with Repository.open(ctx.cwd) as repo:
        found = list_stages(repo, targets, cwd=ctx.cwd)
    if as_json:
        ctx.emit_json([str(one) if names_only else _as_json(one, found[one]) for one in found])
    elif names_only:
        for address in found:
            ctx.say(terminal.printable(str(address)))
    else:
        ctx.table((terminal.printable(str(address)), _stage_text(one)) for address, one in found.items())
        if not found:
            ctx.note("there are no stages: `dver stage add` adds one")


@command.command(
    name="remove",
    examples=[
        ("dver stage remove train", "Remove the stage from dver.yaml and dver.lock."),
        ("dver stage remove train evaluate", "Remove two stages."),
    ],
)
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.pass_obj
def remove_command(ctx: Context, *, names: tuple[str, ...]) -> None:
    """Remove stages from dver.yaml and dver.lock.

    NAME is a stage, or a foreach or matrix with all its stages. Outputs stay in the workspace, untracked. Comments stay
    in dver.yaml.
    """
    with Repository.open(ctx.cwd) as repo:
        removed = remove(repo, names, cwd=ctx.cwd)
        paths = [path_text(repo, path) for path in removed.paths]
        left = [repo.layout.shown(path) for path in removed.outs]
        ctx.say(
            f"removed {join_limited([terminal.printable(str(one)) for one in removed.stages])}"
            f" from {join_limited(paths)}"
        )
        if left:
            ctx.note(f"no longer tracked: {join_limited([terminal.printable(one) for one in left])}")
            ctx.note(f"`dver add {' '.join(map(quoted, left[:3]))}` tracks it as data, or delete it")
        print_staged(ctx, repo)


class _AddCommand(options.Command):
    """`stage add NAME [OPTIONS] COMMAND...`: the name comes before the options."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and not args[0].startswith("-"):
            args = ["--name", *args]
        return super().parse_args(ctx, args)


@command.command(
    name="add",
    cls=_AddCommand,
    context_settings={"help_option_names": ["-h", "--help"], "allow_interspersed_args": False},
    options_metavar="NAME [OPTIONS]",
    examples=[
        ("dver stage add prepare -d raw -o clean python clean.py raw clean", "Read raw and write clean."),
        (
            "dver stage add train -p lr -d clean -o net -M score.json 'python train.py > log'",
            "Depend on a parameter; track the score with Git.",
        ),
        ("dver stage add train -f --timeout 2h -o net python train.py", "Replace an existing stage."),
    ],
)
@click.argument("cmd", nargs=-1, type=click.UNPROCESSED, required=True, metavar="COMMAND...")
@click.option("-n", "--name", help="Set the name of the stage, instead of the first argument.")
@click.option("-d", "--deps", multiple=True, metavar="PATH", help="Add a dependency: file, directory or pattern.")
@click.option(
    "-p", "--params", multiple=True, metavar="[FILE:]KEY,...", help="Add parameters (FILE: adds a whole file)."
)
@click.option("-o", "--outs", multiple=True, metavar="PATH", help="Add an output file or directory.")
@click.option("-O", "--outs-no-cache", multiple=True, metavar="PATH", help="Add an output that Git tracks.")
@click.option("--outs-persist", multiple=True, metavar="PATH", help="Add an output that stays for the next run.")
@click.option(
    "--outs-persist-no-cache", multiple=True, metavar="PATH", help="Add an output that Git tracks and that stays."
)
@click.option("-m", "--metrics", multiple=True, metavar="PATH", help="Add a metrics file.")
@click.option("-M", "--metrics-no-cache", multiple=True, metavar="PATH", help="Add a metrics file that Git tracks.")
@click.option("--plots", multiple=True, metavar="PATH", help="Add a plot: image or data file.")
@click.option("--plots-no-cache", multiple=True, metavar="PATH", help="Add a plot that Git tracks.")
@click.option("-w", "--wdir", metavar="DIR", help="Run in DIR; all paths are relative to it.")
@click.option("--env", multiple=True, metavar="NAME[=VALUE]", help="Add an environment variable as a dependency.")
@click.option("--resources", multiple=True, metavar="NAME=AMOUNT", help="Reserve cpus=2, gpus=1 or memory=8GB.")
@click.option("--retry", type=click.IntRange(min=0), default=0, metavar="N", help="Retry a failed command N times.")
@click.option("--timeout", metavar="TIME", help="Limit each attempt: 90s, 30m, 1h30m.")
@click.option("--always-changed", is_flag=True, help="Run the stage on every repro.")
@click.option("--desc", metavar="TEXT", help="Describe the stage.")
@click.option("-f", "--force", is_flag=True, help="Replace an existing stage.")
@click.pass_obj
def add_command(ctx: Context, /, *, cmd: tuple[str, ...], name: str | None, force: bool, **definition: Any) -> None:
    """Add a stage to dver.yaml in the current directory.

    COMMAND is one argument for the shell, or a program with its arguments. The rest of dver.yaml stays as it is,
    comments included. Nothing is written if the stages would be invalid, and nothing is run.
    """
    if name is None:
        name, *rest = cmd
        cmd = tuple(rest)
    outs = new_outputs({option: definition.pop(option) for option in OUTPUT_OPTIONS})
    new = NewStage(name=name, cmd=shell_command(cmd), outs=outs, **definition)
    with Repository.open(ctx.cwd) as repo:
        added = add(repo, new, cwd=ctx.cwd, force=force)
        warn_about_secrets(ctx, added.secrets)
        ctx.say(f"added stage {terminal.printable(name)} to {path_text(repo, added.path)}; `dver repro` runs it")
        print_staged(ctx, repo)


def _stage_text(stage: Stage) -> str:
    if stage.desc:
        return terminal.printable(stage.desc)
    parts = ["frozen"] if stage.frozen else []
    for role in OutputRole:
        paths = [terminal.printable(out.path) for out in stage.outs if out.role is role]
        parts += [f"{role.value}: {', '.join(paths)}"] if paths else []
    checked = [terminal.printable(out.path) for out in stage.outs if out.checks is not None]
    parts += [f"checks: {', '.join(checked)}"] if checked else []
    return "; ".join(parts)


def _as_json(address: Address, stage: Stage) -> dict[str, object]:
    return {
        "name": str(address),
        "group": stage.group,
        "cmd": stage.cmd,
        "wdir": stage.wdir,
        "deps": [dep.path for dep in (*stage.deps, *stage.external)],
        "params": {params.file: list(params.keys) for params in stage.params},
        **{role.value: [out.path for out in stage.outs if out.role is role] for role in OutputRole},
        "checks": [out.path for out in stage.outs if out.checks is not None],
        "frozen": stage.frozen,
        "always_changed": stage.always_changed,
        "desc": stage.desc,
    }

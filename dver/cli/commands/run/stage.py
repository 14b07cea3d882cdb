"""`dver stage`."""

from __future__ import annotations

import click

from dver.cli import options
from dver.cli.context import Context
from dver.cli.notices import print_staged, warn_about_secrets
from dver.cli.render import terminal
from dver.cli.render.changes import path_text
from dver.core.errors import UsageError
from dver.core.phrasing import join_limited, quoted
from dver.ops.run import stage
from dver.ops.run.stage import ListedStage
from dver.pipelines.definition.new_stage import NewOutput, NewStage
from dver.pipelines.definition.stage import OutputRole
from dver.repo import Repository


@options.group(
    examples=[
        ("dver stage add train -d data -p lr -o model.bin python train.py", "A stage that makes model.bin."),
        ("dver stage list", "What stages there are."),
        ("dver stage remove train", "Take a stage out."),
    ]
)
def command() -> None:
    """Add, list and remove stages.

    A stage is a command with all that it reads and makes; `dver repro` runs those that are out of date.
    """


@command.command(
    name="list",
    examples=[
        ("dver stage list", "All stages, with what they make."),
        ("dver stage list --names-only train", "The stages of a foreach or matrix."),
    ],
)
@click.argument("targets", nargs=-1, metavar="[TARGET...]")
@click.option("--names-only", is_flag=True, help="Print nothing but names.")
@options.json_option
@click.pass_obj
def list_command(ctx: Context, *, targets: tuple[str, ...], names_only: bool, as_json: bool) -> None:
    """List stages: all, or those that TARGET means."""
    with Repository.open(ctx.cwd) as repo:
        found = stage.list_stages(repo, targets, cwd=ctx.cwd)
    if as_json:
        ctx.emit_json([str(one.address) if names_only else _as_json(one) for one in found])
    elif names_only:
        for one in found:
            ctx.say(terminal.printable(str(one.address)))
    else:
        ctx.table((terminal.printable(str(one.address)), _described(one)) for one in found)
        if not found:
            ctx.note("there are no stages: `dver stage add` adds one")


@command.command(
    name="remove",
    examples=[
        ("dver stage remove train", "Take the stage out of dver.yaml and dver.lock."),
        ("dver stage remove train evaluate", "Two stages at once."),
    ],
)
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.pass_obj
def remove_command(ctx: Context, *, names: tuple[str, ...]) -> None:
    """Remove stages from dver.yaml and dver.lock.

    NAME is a stage, or a foreach or matrix with all its stages. What it made stays in the workspace and is no longer
    tracked. Comments stay in dver.yaml.
    """
    with Repository.open(ctx.cwd) as repo:
        removed = stage.remove(repo, names, cwd=ctx.cwd)
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


class _Add(options.Command):
    """Takes the name of the stage before the options, which the command that it runs comes after."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and not args[0].startswith("-"):
            args = ["--name", *args]
        return super().parse_args(ctx, args)


@command.command(
    name="add",
    cls=_Add,
    context_settings={"help_option_names": ["-h", "--help"], "allow_interspersed_args": False},
    options_metavar="NAME [OPTIONS]",
    examples=[
        ("dver stage add prepare -d raw -o clean python clean.py raw clean", "It reads raw, and makes clean."),
        ("dver stage add train -p lr -d clean -o net -M score.json 'python train.py > log'", "With a parameter."),
        ("dver stage add train -f --timeout 2h -o net python train.py", "Instead of the one that is there."),
    ],
)
@click.argument("cmd", nargs=-1, type=click.UNPROCESSED, required=True, metavar="COMMAND...")
@click.option("-n", "--name", help="The name of the stage, instead of the first argument.")
@click.option("-d", "--deps", multiple=True, metavar="PATH", help="A file, directory or pattern that it reads.")
@click.option("-p", "--params", multiple=True, metavar="[FILE:]KEY,...", help="Parameters; FILE: for all of a file.")
@click.option("-o", "--outs", multiple=True, metavar="PATH", help="A file or directory that it makes.")
@click.option("-O", "--outs-no-cache", multiple=True, metavar="PATH", help="An output that is left to Git.")
@click.option("--outs-persist", multiple=True, metavar="PATH", help="An output that is kept for the next run.")
@click.option("--outs-persist-no-cache", multiple=True, metavar="PATH", help="Both.")
@click.option("-m", "--metrics", multiple=True, metavar="PATH", help="A file of metrics that it makes.")
@click.option("-M", "--metrics-no-cache", multiple=True, metavar="PATH", help="Metrics that are left to Git.")
@click.option("--plots", multiple=True, metavar="PATH", help="A plot, or data for one, that it makes.")
@click.option("--plots-no-cache", multiple=True, metavar="PATH", help="A plot that is left to Git.")
@click.option("-w", "--wdir", metavar="DIR", help="Where it runs; all paths are relative to it.")
@click.option("--env", multiple=True, metavar="NAME[=VALUE]", help="An environment variable that counts.")
@click.option("--resources", multiple=True, metavar="NAME=AMOUNT", help="What it takes: cpus=2, gpus=1, memory=8GB.")
@click.option("--retry", type=click.IntRange(min=0), default=0, metavar="N", help="How often to try again.")
@click.option("--timeout", metavar="TIME", help="How long an attempt may take: 90s, 30m, 1h30m.")
@click.option("--always-changed", is_flag=True, help="Run it every time.")
@click.option("--desc", metavar="TEXT", help="What it is for.")
@click.option("-f", "--force", is_flag=True, help="Replace the stage of that name.")
@click.pass_obj
def add_command(
    ctx: Context,
    /,
    *,
    cmd: tuple[str, ...],
    name: str | None,
    deps: tuple[str, ...],
    params: tuple[str, ...],
    wdir: str | None,
    env: tuple[str, ...],
    resources: tuple[str, ...],
    retry: int,
    timeout: str | None,
    always_changed: bool,
    desc: str | None,
    force: bool,
    **outs: tuple[str, ...],
) -> None:
    """Add a stage to the dver.yaml of this folder.

    The first argument is its NAME, then come options, then the COMMAND that it runs: one argument for the shell, or a
    program and its arguments. The text that is in dver.yaml stays as it is, comments and all; with a mistake, such as
    two stages that make one file, nothing is written. Nothing is run.
    """
    if name is None:
        name, *rest = cmd
        cmd = tuple(rest)
    new = NewStage(
        name=name,
        cmd=_shell_command(cmd),
        wdir=wdir,
        deps=deps,
        params=params,
        outs=tuple(one for option, made in _MADE.items() for one in _new(outs[option], made)),
        env=env,
        resources=resources,
        retry=retry,
        timeout=timeout,
        always_changed=always_changed,
        desc=desc,
    )
    with Repository.open(ctx.cwd) as repo:
        added = stage.add(repo, new, cwd=ctx.cwd, force=force)
        warn_about_secrets(ctx, added.secrets)
        ctx.say(f"stage {terminal.printable(name)} is in {path_text(repo, added.path)}; `dver repro` runs it")
        print_staged(ctx, repo)


_MADE = {
    "outs": NewOutput(""),
    "outs_no_cache": NewOutput("", cache=False),
    "outs_persist": NewOutput("", persist=True),
    "outs_persist_no_cache": NewOutput("", cache=False, persist=True),
    "metrics": NewOutput("", OutputRole.METRICS),
    "metrics_no_cache": NewOutput("", OutputRole.METRICS, cache=False),
    "plots": NewOutput("", OutputRole.PLOTS),
    "plots_no_cache": NewOutput("", OutputRole.PLOTS, cache=False),
}
"""What the options for outputs mean."""


def _new(paths: tuple[str, ...], like: NewOutput) -> list[NewOutput]:
    return [NewOutput(path, like.role, cache=like.cache, persist=like.persist) for path in dict.fromkeys(paths)]


def _shell_command(args: tuple[str, ...]) -> str:
    """One argument is for the shell as it is; several are a program and its arguments."""
    import shlex

    if not args:
        raise UsageError("no command is given", fix="write it after the name and the options")
    text = args[0] if len(args) == 1 else shlex.join(args)
    if not text.isprintable() and any("\ud800" <= char <= "\udfff" for char in text):
        raise UsageError("the command is not in UTF-8", why="dver.yaml is", fix="write the name of a file in UTF-8")
    return text


def _described(one: ListedStage) -> str:
    if one.stage.desc:
        return terminal.printable(one.stage.desc)
    made = [out.path for out in one.stage.outs if out.role is OutputRole.OUT]
    told = [out.path for out in one.stage.outs if out.role is not OutputRole.OUT]
    parts = ["frozen"] if one.stage.frozen else []
    for verb, paths in (("makes", made), ("tells", told)):
        parts += [f"{verb} {', '.join(map(terminal.printable, paths))}"] if paths else []
    return "; ".join(parts)


def _as_json(one: ListedStage) -> dict[str, object]:
    found = one.stage
    return {
        "name": str(one.address),
        "group": found.group,
        "cmd": found.cmd,
        "wdir": found.wdir,
        "deps": [dep.path for dep in found.deps],
        "params": {params.file: list(params.keys) for params in found.params},
        **{role.value: [out.path for out in found.outs if out.role is role] for role in OutputRole},
        "frozen": found.frozen,
        "always_changed": found.always_changed,
        "desc": found.desc,
    }

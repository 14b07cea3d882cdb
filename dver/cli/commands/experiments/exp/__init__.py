"""`dver exp`. Each subcommand is a module of this package."""

from __future__ import annotations

from typing import Final

from dver.cli import options

_PACKAGE: Final = "dver.cli.commands.experiments.exp"
_MODULES: Final = {
    "run": f"{_PACKAGE}.run",
    "save": f"{_PACKAGE}.save",
    "show": f"{_PACKAGE}.show",
    "diff": f"{_PACKAGE}.diff",
    "list": f"{_PACKAGE}.list_experiments",
    "apply": f"{_PACKAGE}.apply",
    "undo": f"{_PACKAGE}.undo",
    "branch": f"{_PACKAGE}.branch",
    "import-mlflow": f"{_PACKAGE}.import_mlflow",
    "rename": f"{_PACKAGE}.rename",
    "remove": f"{_PACKAGE}.remove",
    "prune": f"{_PACKAGE}.prune",
    "push": f"{_PACKAGE}.push",
    "fetch": f"{_PACKAGE}.fetch",
    "pull": f"{_PACKAGE}.pull",
}


@options.lazy_group(
    modules=_MODULES,
    examples=[
        ("dver exp run -S lr=0.1", "Run the stages with another parameter, and keep the result."),
        ("dver exp list", "List the experiments."),
        ("dver exp apply brave-otter", "Make the workspace an experiment; `dver exp undo` goes back."),
        ("dver exp push", "Share the experiments of the current branch."),
    ],
)
def command() -> None:
    """Run, compare, apply and share experiments.

    An experiment is a commit with code, parameters and results that no branch has, and a record of its run. All of them
    are kept, also failed ones.
    """

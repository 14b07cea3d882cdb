"""`dver model`. Each subcommand is a module of this package."""

from __future__ import annotations

from typing import Final

from dver.cli import options

_PACKAGE: Final = "dver.cli.commands.release.model"
_MODULES: Final = {
    "register": f"{_PACKAGE}.register",
    "assign": f"{_PACKAGE}.assign",
    "unassign": f"{_PACKAGE}.unassign",
    "rollback": f"{_PACKAGE}.rollback",
    "deprecate": f"{_PACKAGE}.deprecate",
    "deregister": f"{_PACKAGE}.deregister",
    "list": f"{_PACKAGE}.list_models",
    "show": f"{_PACKAGE}.show",
    "history": f"{_PACKAGE}.history",
    "doctor": f"{_PACKAGE}.doctor",
    "get": f"{_PACKAGE}.get",
    "export": f"{_PACKAGE}.export",
    "card": f"{_PACKAGE}.card",
}


@options.lazy_group(
    modules=_MODULES,
    examples=[
        ("dver model register churn", "Register the model of HEAD with the next version."),
        ("dver model assign churn prod --push", "Assign the latest version to the stage prod, for all."),
        ("dver model list", "List models with their latest versions and stages."),
        ("dver model show churn", "List the versions of one."),
        ("dver model card churn", "Print its model card."),
        ("dver model history churn", "Show what happened to it."),
    ],
)
def command() -> None:
    """Register models, assign stages and export packages.

    The registry is a set of Git tags, with the names that GTO gives them. `git fetch --tags` brings those of others.
    """

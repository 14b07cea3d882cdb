"""`dver model`. Each subcommand is a module of this package."""

from __future__ import annotations

from typing import Final

from dver.cli import options

_PACKAGE: Final = "dver.cli.commands.release.model"
_MODULES: Final = {
    "export": f"{_PACKAGE}.export",
    "list": f"{_PACKAGE}.list_models",
    "get": f"{_PACKAGE}.get",
    "show": f"{_PACKAGE}.show",
    "history": f"{_PACKAGE}.history",
}


@options.lazy_group(
    modules=_MODULES,
    examples=[
        ("dver model list", "List models with their latest versions and stages."),
        ("dver model show churn", "List the versions of one."),
        ("dver model history churn", "Show what happened to it."),
    ],
)
def command() -> None:
    """Register models, assign stages and export packages.

    The registry is a set of Git tags, with the names that GTO gives them. `git fetch --tags` brings those of others.
    """

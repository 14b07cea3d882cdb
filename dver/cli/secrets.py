"""Warnings of environment variables whose names look like secrets."""

from __future__ import annotations

from collections.abc import Iterable

from dver.cli.context import Context
from dver.cli.terminal import printable
from dver.core.words import some
from dver.pipeline.environment import SecretVariable


def warn_of_secrets(ctx: Context, found: Iterable[SecretVariable]) -> None:
    """One warning for each variable, with what is recorded of it and how to avoid that."""
    for one in found:
        stages = some([printable(str(address)) for address in one.stages])
        ctx.warn(f"{printable(one.name)} in the `env` of {stages} looks like a secret: {_advice(one)}")


def _advice(one: SecretVariable) -> str:
    if one.in_file:
        return "dver.yaml has its value, and Git keeps it; set it in the environment, and change the secret"
    return (
        "dver.lock gets a digest of its value, and a new value makes the stage out of date; "
        "commands see the variable without `env`, too"
    )

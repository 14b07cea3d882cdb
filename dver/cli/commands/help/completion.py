"""`dver completion`: print the completion script for a shell."""

from __future__ import annotations

import click

from dver.cli import options
from dver.cli.context import Context


@options.command(
    examples=[
        ('eval "$(dver completion bash)"', "Put this into ~/.bashrc."),
        ('eval "$(dver completion zsh)"', "Put this into ~/.zshrc, after compinit."),
        ("dver completion fish > ~/.config/fish/completions/dver.fish", "Run this once."),
    ]
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_obj
def command(ctx: Context, *, shell: str) -> None:
    """Print the completion script for a shell."""
    from dver.cli.completion import script
    from dver.cli.main import cli

    ctx.say(script(cli, shell))

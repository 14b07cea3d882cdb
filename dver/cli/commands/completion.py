"""`dver completion`."""

from __future__ import annotations

import click

from dver.cli import options
from dver.cli.context import Context


@options.command(
    examples=[
        ('eval "$(dver completion bash)"', "In ~/.bashrc."),
        ('eval "$(dver completion zsh)"', "In ~/.zshrc, after compinit."),
        ("dver completion fish > ~/.config/fish/completions/dver.fish", "Once."),
    ]
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_obj
def command(ctx: Context, *, shell: str) -> None:
    """Print the script that completes dver in your shell."""
    from click.shell_completion import get_completion_class

    from dver.cli.main import cli

    completion = get_completion_class(shell)
    assert completion is not None  # click knows the three shells that the argument allows
    ctx.say(completion(cli, {}, "dver", "_DVER_COMPLETE").source().strip())

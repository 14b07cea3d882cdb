"""Notes and warnings that several commands print."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from dver.cli.context import Context
from dver.cli.render import terminal
from dver.cli.render.data.changes import path_text
from dver.core.phrasing import join_limited, quoted
from dver.git.staged import recorded_by_commit
from dver.repo import Repository

if TYPE_CHECKING:
    from dver.pipelines.engine.env_variables import SecretVariable
    from dver.pipelines.execution.output_backup import BackedUpOutput


def print_staged(ctx: Context, repo: Repository, *, then: str = "") -> None:
    """Print which files the command staged, and which it did not; `then` says what comes after `git commit`.

    A file that equals its version in HEAD is left out: there is nothing to commit.
    """
    files = recorded_by_commit(repo.git, repo.staged) if repo.staged else []
    if files:
        hidden_last = sorted(files, key=lambda path: os.path.basename(path).startswith(b"."))
        ctx.note(staged_line([path_text(repo, one) for one in hidden_last]) + then)
    for path in repo.not_staged:
        command = terminal.printable(f"git add {quoted(os.fsdecode(repo.layout.shown(path)))}")
        ctx.note(f"not staged: {path_text(repo, path)} has other unstaged changes; `{command}` stages all")


def staged_line(files: Sequence[str]) -> str:
    """The note that `files`, printable names, were staged."""
    return f"staged {join_limited(files)}: `git commit` records {'it' if len(files) == 1 else 'them'}"


def warn_about_ignored_settings(ctx: Context, repo: Repository) -> None:
    """Warn about each setting of the project that this clone ignores until the user trusts its value."""
    for item in repo.config.ignored:
        value = terminal.printable(str(item.value).lower() if isinstance(item.value, bool) else str(item.value))
        ctx.warn(f"ignored {item.key} = {value} of .dver/config.toml: `dver config trust {item.key}` accepts it")


def warn_about_backups(ctx: Context, repo: Repository, backups: Iterable[BackedUpOutput]) -> None:
    """Warn about outputs that no stage made, and that a run moved away."""
    for one in backups:
        name, stage = path_text(repo, one.path), terminal.printable(str(one.stage))
        now = terminal.printable(os.path.relpath(one.backup, ctx.cwd))
        ctx.warn(f"{name} was not produced by stage {stage}; moved to {now}")


def warn_about_left_out(ctx: Context, repo: Repository, paths: Sequence[bytes]) -> None:
    """Warn about untracked files that an experiment does not have."""
    if paths:
        names = join_limited([path_text(repo, path) for path in paths])
        ctx.warn(f"not in the experiment, because Git cannot keep them: {names}; `dver add` tracks large files")


def warn_about_secrets(ctx: Context, variables: Iterable[SecretVariable]) -> None:
    """Warn about each environment variable whose name looks like a secret, and say how to keep it out of Git."""
    for variable in variables:
        stages = join_limited([terminal.printable(str(address)) for address in variable.stages])
        name = terminal.printable(variable.name)
        ctx.warn(f"{name} in the `env` of {stages} looks like a secret: {_advice(variable)}")


def _advice(variable: SecretVariable) -> str:
    if variable.in_file:
        return "dver.yaml has its value, and Git keeps it; set it in the environment, and change the secret"
    return (
        "dver.lock gets a digest of its value, and a new value makes the stage out of date; "
        "commands see the variable without `env`, too"
    )

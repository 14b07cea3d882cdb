"""Changes of the registry as text."""

from __future__ import annotations

from dver.cli.context import Context
from dver.cli.render.data.transfers import upload_text
from dver.cli.render.models.text import version_text
from dver.cli.render.terminal import one_line, printable
from dver.core.phrasing import human_size, join_limited, quoted
from dver.git.git_repo import GitRepo
from dver.git.remotes.identity import git_remotes
from dver.gitflow.hooks.hook_scripts import installed_hooks
from dver.gitflow.registry_changes import RegistryChange

_SHORT = 7


def print_change(ctx: Context, git: GitRepo, change: RegistryChange, text: str) -> None:
    """Print `text` about a change, and what follows from it."""
    for one in change.remotes:
        if one.size:
            ctx.say(upload_text(one, dry_run=False))
    ctx.say(text)
    for lost in change.lost:
        ctx.note(f"another process made the tag {lost} meanwhile, so this one is {change.tag}")
    if change.git_remote is not None and not change.pushed:
        ctx.say(f"{printable(change.git_remote)} has the tag {change.tag}")
    elif change.git_remote is not None:
        ctx.say(f"pushed the tag {change.tag} to {printable(change.git_remote)}")
    elif change.created and not change.dry_run:
        _print_how_to_push(ctx, git, change)
    if change.sharing:
        versions = join_limited(list(change.sharing))
        ctx.note(
            f"commit {change.commit[:_SHORT]} also has the version {versions}; "
            "gto refuses to read a registry with stages of such a commit"
        )
    if change.was_deprecated:
        ctx.note(f"{change.artifact} was deprecated; this makes it active again")


def registered_text(change: RegistryChange) -> str:
    """The line about a registration."""
    name = f"{change.artifact} {change.version}"
    if not change.created:
        return f"{name} is registered already"
    size = f", {human_size(change.details.size)}" if change.details.size is not None else ""
    path = printable(change.details.path or "")
    verb = "would register" if change.dry_run else "registered"
    return f"{verb} {name} ({path}{size}) at {change.commit[:_SHORT]}"


def assigned_text(change: RegistryChange) -> str:
    """The line about an assignment."""
    stage, version = printable(change.stage or ""), version_text(change.version or change.commit)
    if not change.created:
        return f"stage {stage} of {change.artifact} is {version} already"
    verb = "would assign" if change.dry_run else "assigned"
    before = f", before it {version_text(change.before)}" if change.before else ""
    return f"{verb} {change.artifact} {version} to stage {stage}{before}"


def rolled_back_text(change: RegistryChange) -> str:
    """The line about a rollback."""
    verb = "would roll back" if change.dry_run else "rolled back"
    versions = f"from {version_text(change.before or '')} to {version_text(change.after or '')}"
    return f"{verb} stage {printable(change.stage or '')} of {change.artifact} {versions}"


def unassigned_text(change: RegistryChange) -> str:
    """The line about a version that was taken out of a stage."""
    stage, version = printable(change.stage or ""), version_text(change.version or change.commit)
    verb = "would take" if change.dry_run else "took"
    if change.after is None:
        rest = "no version is left in it"
    elif change.after == change.before:
        rest = f"its version stays {version_text(change.after)}"
    else:
        rest = f"its version is {version_text(change.after)} again"
    return f"{verb} {change.artifact} {version} out of stage {stage}; {rest}"


def _print_how_to_push(ctx: Context, git: GitRepo, change: RegistryChange) -> None:
    remote = git_remotes(git).push
    if remote is not None:
        tags = " ".join(quoted(one) for one in (*change.needs, change.tag))
        data = "" if installed_hooks(git).runs("pre-push") else f"dver push --rev {quoted(change.tag)} && "
        ctx.note(one_line(f"the tag {change.tag} is in this clone only; to share it: {data}git push {remote} {tags}"))

"""`dver hook`: run by Git hooks. Its arguments and input are those that Git passes to the hooks."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import click

from dver.cli import options
from dver.cli.context import Context
from dver.cli.render import terminal
from dver.cli.render.data.changes import path_text
from dver.cli.render.data.transfers import amount_text, profiles_text, warn_about_damaged_histories
from dver.cli.render.terminal import one_line
from dver.core.errors import DverError, UsageError
from dver.core.phrasing import quoted
from dver.core.worktree_lock import waiting
from dver.git.git_repo import discover
from dver.workspace.state.followed import has_followed

if TYPE_CHECKING:
    from dver.git.git_repo import GitRepo
    from dver.ops.git.pre_commit import PreCommitResult
    from dver.repo import Repository

_PATIENCE: Final = 10.0
"""Seconds to wait for another dver process."""


@options.group()
def command() -> None:
    """Do the work of a Git hook.

    Git runs this command through the hook scripts that `dver install` installs.
    """
    # The user of a Git command did not ask for dver and should not wait for it.
    waiting.set(replace(waiting.get(), patience=_PATIENCE))


command.hidden = True


def read_input() -> bytes:
    """The standard input of the hook."""
    return b"" if sys.stdin is None else sys.stdin.buffer.read()


def update_data(ctx: Context, *, after_index: bool = True) -> None:
    """Check out the data of the pointers on disk, and print the result.

    With `after_index`, Git has updated its index already, and another hook may have done this before.

    A failure is only a warning: HEAD has moved, and Git would report an error of its own.
    """
    try:
        git = discover(ctx.cwd)
        if not (after_index and has_followed(git.git_dir)):
            _follow(ctx, git)
    except (DverError, OSError, RecursionError, MemoryError) as error:
        from dver.cli.errors import error_line

        ctx.warn(f"dver: data does not follow its pointers: {error_line(error)} (`dver checkout` tries again)")


def _follow(ctx: Context, git: GitRepo) -> None:
    from dver.cli.render.data.checkout import print_followed
    from dver.ops.git.follow import follow

    result = follow(git, progress=ctx.progress)
    if result is not None:
        print_followed(ctx, result)


@command.command(name="pre-commit")
@click.pass_obj
def pre_commit(ctx: Context) -> int | None:
    """Refuse a commit that would be inconsistent."""
    from dver.git.staged import staged
    from dver.ops.git.pre_commit import pre_commit as check_commit
    from dver.project.git_projects import project_roots, staged_by_project
    from dver.repo import Repository

    git = discover(ctx.cwd)
    roots = project_roots(git)
    if not roots:
        return None
    cwd = git.worktree / os.environ.get("GIT_PREFIX", "")  # the user's directory; Git runs hooks at the top
    refused = False
    for root, part in staged_by_project(git, roots, staged(git)):
        with Repository(root, git, cwd=cwd, in_hook=True) as repo:
            refused = _print_result(ctx, repo, check_commit(repo, part, progress=ctx.progress)) or refused
    if refused:
        ctx.note("dver: nothing was committed; `git commit --no-verify` skips this check")
    return 1 if refused else None


def _print_result(ctx: Context, repo: Repository, result: PreCommitResult) -> bool:
    """Print the findings of the hook; return whether it refuses the commit."""

    def argument(path: bytes) -> str:
        return one_line(quoted(repo.layout.shown(path)))

    for problem in result.problems:
        ctx.note(f"dver: {path_text(repo, problem.path)}: {one_line(problem.what)}")
        for label, text in (("why", problem.why), ("fix", problem.fix)):
            if text:
                ctx.note(f"    {label}: {one_line(text)}")
    for path in result.changed:
        ctx.warn(f"{path_text(repo, path)} has unrecorded changes: dver add {argument(path)}")
    for one in result.out_of_date:
        verb = "checkout" if one.in_store else "pull"
        ctx.warn(f"{path_text(repo, one.path)} is out of date: dver {verb} {argument(one.path)}")
    for path in result.diverged:
        shown = path_text(repo, path)
        ctx.warn(f"{shown} was edited from another version than its pointer's: `dver status` shows what to do")
    for path, stage in result.remade:
        fix = f"dver repro {argument(path)}, or dver commit {one_line(quoted(stage))}"
        ctx.warn(f"{path_text(repo, path)} differs from the output of stage {one_line(stage)}: {fix}")
    for behind in result.outdated_stages:
        stage, shown = one_line(behind.stage), path_text(repo, behind.path)
        ctx.warn(f"stage {stage} ran with another version of {shown}: `dver repro` runs it again unless it is frozen")
    for path in result.added:
        ctx.note(f"dver: added {path_text(repo, path)}")
    return bool(result.problems)


@command.command(name="pre-push")
@click.argument("remote", required=False)
@click.argument("url", required=False)
@click.pass_obj
def pre_push(ctx: Context, *, remote: str | None, url: str | None) -> int | None:
    """Push the data of the commits that Git is about to push. Git passes REMOTE and URL.

    The pre-commit framework passes them in the environment instead.
    """
    from dver.ops.git.pre_push import pre_push as send_data

    lines = read_input() if remote is not None else _framework_input()
    remote, url = remote or os.environ.get("PRE_COMMIT_REMOTE_NAME"), url or os.environ.get("PRE_COMMIT_REMOTE_URL")
    try:
        result = send_data(ctx.cwd, remote if remote != url else None, lines, url=url, progress=ctx.progress)
    except DverError as error:
        ctx.warn("stopped git push: the remote does not have the data of its commits")
        raise error
    for pointer in result.unreadable:
        ctx.warn(f"{terminal.printable(pointer.file.path)} in commit {pointer.file.commit[:10]} cannot be read")
    for one in result.remotes:
        if one.roots:
            ctx.note(f"dver: pushed {amount_text(one.files, one.size)} to {one.remote} ({terminal.printable(one.url)})")
    for part in result.profiles:
        warn_about_damaged_histories(ctx, part.damaged)
        if part.profiles:
            ctx.note(f"dver: pushed {profiles_text(part.profiles)} of live data to {part.remote}")
    return None


def _framework_input() -> bytes:
    """The input of a pre-push hook, for the one ref that the pre-commit framework passes in the environment."""
    names = ("PRE_COMMIT_LOCAL_BRANCH", "PRE_COMMIT_TO_REF", "PRE_COMMIT_REMOTE_BRANCH", "PRE_COMMIT_FROM_REF")
    local, new, remote, old = (os.environ.get(name) for name in names)
    new = new or local  # for a branch with new history only, the framework passes just the name
    if not new:
        raise UsageError("no refs to push", why="Git passes them to its pre-push hook", fix="git push")
    return os.fsencode(f"{local or 'HEAD'} {new} {remote or 'HEAD'} {old or '0' * 40}\n")


@command.command(name="post-checkout")
@click.argument("previous", required=False)
@click.argument("new", required=False)
@click.argument("flag", default="1")
@click.pass_obj
def post_checkout(ctx: Context, *, previous: str | None, new: str | None, flag: str) -> None:
    """Update data after `git checkout`, `switch`, `restore`, `clone` or `worktree add`."""
    update_data(ctx, after_index=flag == "1")  # `git restore` may change files without the index


@command.command(name="post-merge")
@click.argument("squash")
@click.pass_obj
def post_merge(ctx: Context, *, squash: str) -> None:
    """Update data after `git merge` and `git pull`."""
    update_data(ctx)


@command.command(name="post-rewrite")
@click.argument("verb")
@click.argument("extra", nargs=-1)
@click.pass_obj
def post_rewrite(ctx: Context, *, verb: str, extra: tuple[str, ...]) -> None:
    """Update data after `git rebase` and `git commit --amend`."""
    update_data(ctx)


@command.command(name="post-applypatch")
@click.pass_obj
def post_applypatch(ctx: Context) -> None:
    """Update data after a patch of `git am`."""
    update_data(ctx)


@command.command(name="post-index-change")
@click.argument("worktree_updated")
@click.argument("skipworktree_updated")
@click.pass_obj
def post_index_change(ctx: Context, *, worktree_updated: str, skipworktree_updated: str) -> None:
    """Update data after other commands that change files, such as `git stash` and `git reset --hard`."""
    if worktree_updated == "1":
        update_data(ctx)

"""Prints how `exp apply` and `exp undo` replaced the workspace."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from dver.cli.context import Context
from dver.cli.render.data.changes import path_text
from dver.cli.render.data.checkout import exit_code_of, print_restored
from dver.cli.render.experiments.text import name_argument
from dver.cli.render.terminal import Style, count, duration, printable
from dver.core.errors import ConflictError
from dver.core.phrasing import join_limited
from dver.ops.exp.apply import ApplyResult
from dver.ops.exp.undo import SavedWorkspace, UndoResult, is_interrupted
from dver.repo import Repository
from dver.workspace.checkout.restore import CheckoutSummary


def exit_code_of_step(kept: Sequence[bytes], data: CheckoutSummary) -> int:
    """0 if the whole workspace was replaced, otherwise the code of the worst problem."""
    return exit_code_of(data) or (ConflictError.exit_code if kept else 0)


@contextmanager
def explaining_interrupt(ctx: Context, repo: Repository) -> Iterator[None]:
    """If Ctrl-C ends the block in the middle of a step, say how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        if is_interrupted(repo):
            ctx.warn("`dver exp undo` brings your workspace back; the same command again completes it")
        raise


def print_apply(ctx: Context, repo: Repository, result: ApplyResult) -> None:
    """Print what an apply changed, and what is next."""
    name = ctx.style.bold(printable(result.name))
    ctx.say(f"applied {name}: {_changes(result.written, result.deleted, result.data)}")
    _print_data(ctx, repo, result.data)
    _warn_about_kept(ctx, repo, result.kept)
    if result.untracked:
        ctx.note(
            f"removed {count(len(result.untracked), 'untracked file')} that it does not have:"
            f" {_names(repo, result.untracked)}"
        )
    if result.submodules:
        ctx.note(f"not changed: {_names(repo, result.submodules)}; `git submodule update` updates submodules")
    if result.left_out:
        ctx.note(f"not downloaded: {_names(repo, result.left_out)}; `dver pull` downloads it")
    _note_elsewhere(ctx, repo, result.elsewhere)
    if not result.status.is_final:
        ctx.note(f"{printable(result.name)} is {result.status.value}: its results are missing")
    if result.moved:
        ctx.note(
            f"its baseline is {result.baseline[:7]}, and HEAD is {(result.head or '')[:7]}:"
            f" {count(result.moved, 'file')} differ{'s' if result.moved == 1 else ''} for that reason"
        )
        ctx.note(f"`dver exp branch {name_argument(result.name)}` makes a branch of it, on top of its baseline")
    ctx.note("its files are staged: `git commit` keeps them, `dver exp undo` brings your workspace back")


def print_undo(ctx: Context, repo: Repository, result: UndoResult, *, redo: bool) -> None:
    """Print what an undo changed."""
    done = "redone" if redo else "undone"
    ctx.say(f"{done}: {_changes(result.written, result.deleted, result.data)}")
    _print_data(ctx, repo, result.data)
    _warn_about_kept(ctx, repo, result.kept)
    if result.untracked:
        ctx.note(
            f"removed {count(len(result.untracked), 'untracked file')} that did not exist:"
            f" {_names(repo, result.untracked)}"
        )
    _note_elsewhere(ctx, repo, result.elsewhere)
    if not redo:
        ctx.note("`dver exp undo --redo` goes forward again")


def saved_row(saved: SavedWorkspace, style: Style) -> list[str]:
    """The row of a saved workspace."""
    about = f"before {'apply of' if saved.kind == 'apply' else 'undo of'} {printable(saved.name)}"
    marks = [word for word, is_set in (("unsaved work", saved.unsaved), ("interrupted", saved.interrupted)) if is_set]
    return [
        style.bold(str(saved.number)),
        f"{duration(saved.age)} ago",
        about,
        count(saved.files, "file"),
        style.yellow(", ".join(marks)) if marks else "",
    ]


def _changes(written: Sequence[bytes], deleted: Sequence[bytes], data: CheckoutSummary) -> str:
    parts = list(_counted(written, deleted))
    if parts:
        return ", ".join(parts)
    return "only data changed" if data.created or data.updated or data.removed else "nothing to change"


def _counted(written: Sequence[bytes], deleted: Sequence[bytes]) -> Iterator[str]:
    if written:
        yield f"{count(len(written), 'file')} written"
    if deleted:
        yield f"{count(len(deleted), 'file')} removed" if not written else f"{len(deleted):,} removed"


def _print_data(ctx: Context, repo: Repository, data: CheckoutSummary) -> None:
    if data.created or data.updated or data.removed or data.kept or data.lost:
        print_restored(ctx, data, shown=partial(path_text, repo), label="data")


def _warn_about_kept(ctx: Context, repo: Repository, kept: Sequence[bytes]) -> None:
    if kept:
        ctx.warn(f"kept {count(len(kept), 'file')} that changed in the meantime: {_names(repo, kept)}")


def _note_elsewhere(ctx: Context, repo: Repository, pointers: Sequence[bytes]) -> None:
    if pointers:
        ctx.note(f"changed in other projects: {_names(repo, pointers)}; run `dver checkout` there for their data")


def _names(repo: Repository, paths: Sequence[bytes]) -> str:
    return join_limited([path_text(repo, path) for path in paths])

"""Checks that data may be tracked at a path."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Mapping
from typing import Final

from dver.core.errors import ConflictError, DverError, UsageError
from dver.core.phrasing import join_limited, quoted
from dver.formats.tree import NAME_MAX, Kind, forbidden_name
from dver.git import gitignore, index
from dver.repo import PROJECT_DIR, Repository
from dver.repo.layout import Layout
from dver.tracking.targets import SUFFIX, Target, TrackedData, ancestors, target_containing, tracked_below
from dver.workspace.files.apply import refuse_symlinked_parents
from dver.workspace.state.store_links import link_to

_OURS: Final = {b".dverignore", b"dver.yaml", b"dver.lock"}
_GITS: Final = {b".gitignore", b".gitattributes", b".gitmodules"}


def check_trackable(repo: Repository, tracked: Mapping[bytes, TrackedData], path: bytes, text: str) -> None:
    """Raise UsageError or ConflictError, with a fix, unless a pointer can track the data at `path`.

    `text` is the path as the user typed it. `refuse_git_tracked` checks the rules of Git for all paths at once.
    """
    _check_name(repo.layout, path, text)
    if not repo.layout.exists(path):
        raise _absent(tracked, path, text)
    if path in tracked and is_user_link(repo.layout, path):
        raise replaced_by_link(repo.layout, path)
    _check_overlap(repo, tracked, path, text)
    _check_place(repo.layout, path, text)


def is_user_link(layout: Layout, path: bytes) -> bool:
    """Is there a symbolic link at `path` that dver did not make?"""
    absolute = layout.absolute(path)
    return os.path.islink(absolute) and link_to(absolute, os.readlink(absolute)) is None


def replaced_by_link(layout: Layout, path: bytes) -> UsageError:
    """The error for tracked data that was replaced by a symbolic link, for example to another disk."""
    absolute = layout.absolute(path)
    shown = quoted(layout.shown(path))
    restored = f"rm {shown} && dver checkout {shown}"
    if os.path.exists(absolute):
        restored = f"rm {shown} && mv {quoted(os.fsdecode(os.path.realpath(absolute)))} {shown}"
    return UsageError(
        f"{layout.shown(path)!r} is tracked, but is a symbolic link now",
        why="dver tracks files and directories; the link would replace the data in the next commit",
        fix=restored,
    )


def check_trackable_inside(layout: Layout, target: Target, text: str) -> None:
    """Raise UsageError or ConflictError unless `target`, inside tracked data, can be recorded by itself."""
    if target.tracked.entry.kind is not Kind.DIRECTORY:
        whole = layout.shown(target.tracked.path)
        raise ConflictError(
            f"{text!r} is in {whole!r}, which is tracked as a file",
            fix=f"`dver add {quoted(whole)}` records that it is a directory now",
        )
    for name in target.inside:
        if reason := forbidden_name(name):
            raise UsageError(f"cannot track {text!r}", why=reason, fix="move it out of the tracked directory")
    refuse_symlinked_parents(layout.top, target.path)


def refuse_outputs(repo: Repository, targets: Iterable[Target]) -> None:
    """Raise UsageError for a target that is an output: its lock file records it, not a pointer."""
    for target in targets:
        maker = target.tracked.maker
        if maker is not None:
            whole, stage = repo.layout.shown(target.tracked.path), maker.shown(repo)
            raise UsageError(
                f"{repo.layout.shown(target.path)!r} is {'in ' if target.inside else ''}an output of stage {stage!r}",
                why=f"{repo.layout.shown(maker.lock)!r} records {whole!r}, so it has no pointer",
                fix=f"`dver repro {quoted(stage)}` runs the stage, `dver commit {quoted(stage)}` records it as it is",
            )


def check_destination(repo: Repository, tracked: Mapping[bytes, TrackedData], path: bytes, text: str) -> None:
    """Raise UsageError or ConflictError unless data can be moved to the free path `path`."""
    _check_name(repo.layout, path, text)
    _check_overlap(repo, tracked, path, text)
    _check_place(repo.layout, path, text)
    refuse_git_tracked(repo, {path: text})


def _check_name(layout: Layout, path: bytes, text: str) -> None:
    name = os.path.basename(path)
    if path in (b"", layout.prefix):
        raise UsageError("cannot track the whole project", why="Git tracks its code", fix="track a directory in it")
    parts = path.split(b"/")
    if b".git" in parts or os.fsencode(PROJECT_DIR) in parts:
        raise UsageError(
            f"cannot track {text!r}", why="it belongs to Git or to dver itself", fix="use the path of your data"
        )
    if name in _OURS | _GITS:
        raise UsageError(
            f"cannot track {text!r}", why="it is a file of Git or dver itself", fix=f"git add {quoted(text)}"
        )
    if len(name + SUFFIX) > NAME_MAX:
        most = NAME_MAX - len(SUFFIX)
        why = f"its name has {len(name)} bytes; with more than {most} the name of its pointer would be too long"
        raise UsageError(f"cannot track {text!r}", why=why, fix="move it into a directory, and add the directory")
    if name.endswith(SUFFIX):
        data = text.removesuffix(os.fsdecode(SUFFIX))
        raise UsageError(f"cannot track {text!r}", why="its name is that of a pointer", fix=f"dver add {quoted(data)}")


def _absent(tracked: Mapping[bytes, TrackedData], path: bytes, text: str) -> DverError:
    if path in tracked:
        return UsageError(
            f"{text!r} is tracked, but not in the workspace",
            why="it was deleted, or never checked out",
            fix=f"`dver checkout {quoted(text)}` brings it back, `dver remove {quoted(text)}` stops tracking it",
        )
    return UsageError(f"{text!r} does not exist", fix="check the spelling")


def _check_overlap(repo: Repository, tracked: Mapping[bytes, TrackedData], path: bytes, text: str) -> None:
    around = target_containing(tracked, os.path.dirname(path))
    if around is not None:
        refuse_outputs(repo, [Target(around.tracked)])
        whole = repo.layout.shown(around.tracked.path)
        kind = "directory" if around.tracked.entry.kind is Kind.DIRECTORY else "file"
        raise ConflictError(
            f"{text!r} is in {whole!r}, which is tracked as a {kind}", fix=f"`dver remove {quoted(whole)}` first"
        )
    inside = tracked_below(tracked, path)
    made = [one for one in inside if one.maker is not None]
    if made:
        raise ConflictError(
            f"{text!r} contains outputs of stages",
            why=join_limited([repo.layout.shown(one.path) for one in made]),
            fix="add the other files in it one by one, or move the outputs to another directory",
        )
    if inside:
        raise ConflictError(
            f"{text!r} contains data that is already tracked",
            why=join_limited([repo.layout.shown(one.path) for one in inside]),
            fix=f"`dver remove` {'it' if len(inside) == 1 else 'them'} first, then add {text!r} as a whole",
        )


def _check_place(layout: Layout, path: bytes, text: str) -> None:
    refuse_symlinked_parents(layout.top, path)
    absolute = layout.absolute(path)
    if is_user_link(layout, path):
        raise UsageError(
            f"{text!r} is a symbolic link",
            why="its target may be anywhere",
            fix=f"`dver add` its target, and track the link with `git add {quoted(text)}`",
        )
    if os.path.isdir(absolute + SUFFIX):
        raise ConflictError(
            f"cannot write the pointer of {text!r}",
            why=f"{text + '.dver'!r} is a directory",
            fix="rename the directory or the data",
        )


def refuse_git_tracked(repo: Repository, texts: Mapping[bytes, str]) -> None:
    """Raise ConflictError if Git tracks a file at one of the data paths `texts`, or ignores its pointer."""
    if not texts:
        return
    for name in index.tracked_under(repo.git, *texts):
        path = next(path for path in texts if not path or name == path or name.startswith(path + b"/"))
        raise _tracked_by_git(repo, path, texts[path])
    rules = index.ignored(repo.git, [path + SUFFIX for path in texts])
    for path, text in texts.items():
        _check_rule(repo, path, rules.get(path + SUFFIX), text)


def _tracked_by_git(repo: Repository, path: bytes, text: str) -> ConflictError:
    in_git = index.tracked_under(repo.git, path)
    return ConflictError(
        f"{text!r} is tracked by Git",
        why=f"Git has {join_limited([repo.layout.shown(one) for one in in_git])}",
        fix=f"git rm -r --cached -- {quoted(text)}   (the files stay), then dver add {quoted(text)}",
    )


def _check_rule(repo: Repository, path: bytes, rule: index.IgnoreRule | None, text: str) -> None:
    if rule is not None:
        source = os.fsdecode(rule.source) if rule.source.startswith(b"/") else repo.layout.shown(rule.source)
        raise ConflictError(
            f"the pointer {text + '.dver'!r} would be ignored by Git",
            why=f"{source}:{rule.line} says {os.fsdecode(rule.pattern)!r}",
            fix=_unignoring(repo, path, rule),
        )


def _unignoring(repo: Repository, path: bytes, rule: index.IgnoreRule) -> str:
    """The command that lets Git track the pointer of `path`.

    Below an ignored directory, Git tracks it only once the directory itself is no longer ignored.
    """
    is_here = not rule.source.startswith((b"/", b".git/")) and os.path.basename(rule.source) == b".gitignore"
    source = rule.source if is_here else b".gitignore"  # which counts more than rules outside of the worktree
    directories = ancestors(path)[:-1]
    ignored = index.ignored(repo.git, directories)
    lines = ["!*.dver", "!.gitignore"]
    if hidden := next((directory for directory in directories if directory in ignored), None):
        place = os.path.relpath(hidden, os.path.dirname(source) or b".")
        at = os.fsdecode(b"/".join(map(gitignore.escape, place.split(b"/"))))
        lines = [f"!/{at}/", f"/{at}/**", f"!/{at}/**/", *lines]
    listed = " ".join(map(shlex.quote, lines))
    return f"printf '%s\\n' '' {listed} >> {quoted(repo.layout.shown(source))}"

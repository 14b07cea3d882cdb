"""Errors for `dvc.yaml` files, with the commands that rename them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Final

from dver.core.errors import PipelineError
from dver.core.phrasing import join_limited, quoted
from dver.git.index import tracked_under
from dver.pipelines import FILE_NAME
from dver.repo import Repository
from dver.repo.layout import Layout

NAME: Final = b"dvc.yaml"
_SHOWN: Final = 3
"""The most commands in one error."""


def not_renamed_error(repo: Repository, files: Iterable[bytes], renamed: bool) -> PipelineError:
    """The error for `dvc.yaml` files: alone, or beside others that were `renamed`."""
    paths = list(files)
    names = join_limited([repr(repo.layout.shown(path)) for path in paths])
    return PipelineError(
        f"not read: {names}" if renamed else f"no {FILE_NAME} found, but {names}",
        why=f"dver reads {FILE_NAME}, which has the same format",
        fix=_commands(repo, paths),
    )


def _commands(repo: Repository, paths: Sequence[bytes]) -> str:
    tracked = set(tracked_under(repo.git, *paths))
    found = [_command(repo.layout, path, path in tracked) for path in paths[:_SHOWN]]
    more = f"; and {len(paths) - _SHOWN:,} more in the same way" if len(paths) > _SHOWN else ""
    return " && ".join(found) + more


def _command(layout: Layout, path: bytes, is_tracked: bool) -> str:
    new = os.path.join(os.path.dirname(path), os.fsencode(FILE_NAME))
    return f"{'git mv' if is_tracked else 'mv'} {quoted(layout.shown(path))} {quoted(layout.shown(new))}"

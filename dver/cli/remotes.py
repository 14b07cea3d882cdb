"""The option `-r/--remote`, which means the same for every verb: see docs/remotes.md."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from dver.core.errors import UsageError
from dver.core.words import typed

if TYPE_CHECKING:
    from dver.repo import Repository

F = TypeVar("F", bound=Callable[..., Any])

_DEFAULT: Final = "(default)"
"""What the option stands for without a name: no remote can be called so."""


@dataclass(frozen=True, slots=True)
class RemoteChoice:
    """A remote that a question is about: the one called `name`, or the default remote."""

    name: str | None

    def checked(self, repo: Repository) -> str | None:
        """`name`, once it is known to be a remote. Raises UsageError, also for a path that was read as the name."""
        if self.name is not None and self.name not in repo.config.remote_names:
            command = click.get_current_context().command_path
            if os.path.lexists(self.name):
                raise self._is_path(command, repo.config.default_remote or "NAME")
            repo.config.remote_table(self.name)
        return self.name

    def _is_path(self, command: str, remote: str) -> UsageError:
        assert self.name is not None
        return UsageError(
            f"no remote is called {self.name!r}",
            why="the word after --remote is the name of a remote, and this is a path",
            fix=f"{command} --remote {remote} {typed(self.name)}",
        )


class _Choice(click.ParamType[RemoteChoice]):
    name = "NAME"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> RemoteChoice:
        if isinstance(value, RemoteChoice):
            return value
        return RemoteChoice(None if value == _DEFAULT else str(value))


def remote_option(text: str) -> Callable[[F], F]:
    """`-r NAME` of verbs that always use a remote, passed as `remote`; `text` is its help."""
    return click.option("-r", "--remote", metavar="NAME", help=text)


def ask_remote_option(text: str) -> Callable[[F], F]:
    """`-r [NAME]` of verbs that answer from the store without it: passed as `remote`, a RemoteChoice or None."""
    return click.option(
        "-r", "--remote", type=_Choice(), is_flag=False, flag_value=_DEFAULT, metavar="[NAME]", help=text
    )

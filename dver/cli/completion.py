"""Completion in bash, zsh and fish. The metavar of an argument, such as `[REV] [PATH...]`, selects its candidates."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    ShellComplete,
    add_completion_class,
    get_completion_class,
)
from click.types import StringParamType

from dver.core.errors import DverError
from dver.ops.help.completion import WordKind, completions
from dver.repo import Repository

_WORDS: Final[Mapping[str, WordKind]] = {
    "PATH": WordKind.PATH,
    "SOURCE": WordKind.PATH,
    "TARGET": WordKind.STAGE,
    "STAGE": WordKind.STAGE,
    "REV": WordKind.REVISION,
    "A": WordKind.REVISION,
    "B": WordKind.REVISION,
    "KEY": WordKind.KEY,
}
_OF_EXPERIMENTS: Final[Mapping[str, WordKind]] = {
    "NAME": WordKind.EXPERIMENT,
    "OLD": WordKind.EXPERIMENT,
    "A": WordKind.EXPERIMENT,
    "B": WordKind.EXPERIMENT,
    "KEY": WordKind.EXPERIMENT_VALUE,
    "REMOTE": WordKind.GIT_REMOTE,
}
"""The words in the metavars of `dver exp` and `dver queue`, before those of other commands."""
_FILES: Final[Mapping[str, str]] = {
    **dict.fromkeys(("PATH", "SOURCE", "DESTINATION", "TARGET", "FILE"), "file"),
    "DIR": "dir",
}
"""Metavars for which the shell also completes names of files or directories."""


class _Completed(StringParamType):
    """A text argument with completion."""

    def __init__(self, words: Sequence[WordKind], files: str | None) -> None:
        self._words = words
        self._files = files

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
        """The completions of `incomplete`."""
        found = [CompletionItem(incomplete, type=self._files)] if self._files else []
        # An error message would appear in the middle of the command line.
        with suppress(DverError, OSError), Repository.open(Path.cwd()) as repo:
            for word in self._words:
                found += map(CompletionItem, completions(repo, word, incomplete, cwd=Path.cwd()))
        return found


def add_completion(params: Iterable[click.Parameter], *, verb: str | None, part: str | None) -> None:
    """Add completion to the text arguments among `params`. `verb` and `part` are the last two words of the command,
    such as `dver`, `push` or `remote`, `set`."""
    of_remote = verb == "remote" and part != "add"
    for param in params:
        if param.type is click.STRING:
            names = re.findall(r"[A-Z]+", param.metavar or (param.name or "").upper())
            if verb == "model":
                words = [word for name in names if (word := _word_of_model(name, param)) is not None]
            elif verb in ("exp", "queue"):
                words = [word for name in names if (word := _word_of_experiment(name, param)) is not None]
            else:
                words = [word for name in names if (word := _word(name, param, of_remote=of_remote)) is not None]
            files = next((_FILES[name] for name in names if name in _FILES), None)
            param.type = _Completed(words, files)


def _word(name: str, param: click.Parameter, *, of_remote: bool) -> WordKind | None:
    if name == "NAME" and (of_remote or "--remote" in param.opts):
        return WordKind.REMOTE
    return WordKind.REMOTE_KEY if name == "KEY" and of_remote else _WORDS.get(name)


def _word_of_experiment(name: str, param: click.Parameter) -> WordKind | None:
    if "VALUE" in (param.metavar or ""):  # [FILE:]KEY=VALUE
        return WordKind.PARAMETER if name == "KEY" else None
    if name == "NAME" and isinstance(param, click.Option):
        return WordKind.SWEEP if "--sweep" in param.opts else None
    return _OF_EXPERIMENTS.get(name) or _WORDS.get(name)


def _word_of_model(name: str, param: click.Parameter) -> WordKind | None:
    if name == "REMOTE":
        return WordKind.GIT_REMOTE
    if isinstance(param, click.Option):
        return WordKind.EXPERIMENT if "--exp" in param.opts else _word(name, param, of_remote=False)
    if name == "STAGE":  # and not a part of NAME[@VERSION|#STAGE]
        return WordKind.MODEL_STAGE if param.metavar in (None, name) else None
    return WordKind.MODEL if name == "NAME" else None


class _Bash(BashComplete):
    """Click's script completes either file names or words. This one does both, and adds no space after a directory."""

    source_template = r"""
%(complete_func)s() {
    local IFS=$'\n' type value response wants_files= word=${COMP_WORDS[COMP_CWORD]}
    response=$(env COMP_WORDS="${COMP_WORDS[*]}" COMP_CWORD=$COMP_CWORD %(complete_var)s=bash_complete $1)
    COMPREPLY=()
    for completion in $response; do
        IFS=',' read -r type value <<< "$completion"
        case $type in
            dir) compopt -o dirnames ;;
            file) wants_files=1 ;;
            plain) COMPREPLY+=("$value"); [[ $value != */ ]] || compopt -o nospace ;;
        esac
    done
    if [[ $wants_files && $COMPREPLY ]]; then
        compopt -o filenames
        COMPREPLY+=($(compgen -f -- "$word"))
    elif [[ $wants_files ]]; then
        compopt -o default
    fi
}
complete -o nosort -F %(complete_func)s %(prog_name)s
"""


def complete(cli: click.Command, instruction: str, **context: Any) -> int:
    """Print the completions of the words in the environment. `instruction` is, for example, `bash_complete`."""
    shell, _, wanted = instruction.partition("_")
    found = _class_of(shell)
    if found is None or wanted != "complete":
        return 1
    click.echo(found(cli, context, "dver", "_DVER_COMPLETE").complete())
    return 0


def script(cli: click.Command, shell: str) -> str:
    """The completion script for `shell`: `bash`, `zsh` or `fish`."""
    found = _class_of(shell)
    assert found is not None
    return found(cli, {}, "dver", "_DVER_COMPLETE").source().strip()


def _class_of(shell: str) -> type[ShellComplete] | None:
    add_completion_class(_Bash, "bash")
    return get_completion_class(shell)

"""Every command and option of the command line has its counterpart in Python."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any, Final

import click
import pytest

import dver
from dver.cli.main import cli
from dver.cli.verbs import SUMMARIES

NOT_IN_PYTHON: Final = {
    "completion": "it is for shells",
    "demo": "it plays a session in a shell",
    "help": "Python has its own help()",
}

ELSEWHERE: Final[dict[str, Callable[..., Any] | str]] = {
    "cache list": dver.list_cache,
    "cache clear": dver.clear_cache,
    "get": dver.get,
    "list": dver.ls,
    "version": "__version__",
    "init": dver.Project.init,
}
"""Commands that are not methods of a project."""

SPLIT: Final[dict[str, tuple[str, ...]]] = {
    "diff": ("diff", "diff_rows"),
    "import": ("import_data",),
    "gc": ("gc", "gc.remote", "gc.restore", "gc.forget"),
    "monitor compare": ("monitor",),
    "repro": ("repro", "plan_repro"),
    "exp undo": ("exp.undo", "exp.list_undo", "exp.drop_undo"),
    "exp run": ("exp.run", "exp.queue", "exp.sweep"),
    "queue start": ("queue.start", "queue.start_detached"),
    "exp show": ("exp.show", "exp.write_page"),
    "report": ("report", "render_report", "write_report", "comment_report", "summarize_report"),
    "model card": ("model.card", "model.render_card", "model.write_card"),
    "plots show": ("plots.show", "plots.write"),
    "plots diff": ("plots.diff", "plots.write"),
    "plots templates": ("plots.templates", "plots.template"),
}
"""Commands that are several methods, since their results differ."""

FORMS: Final = frozenset(("as_json", "as_md", "as_html", "as_csv", "exit_code", "precision", "names_only", "size"))
"""Options about the form of the output. Python gets the values."""

RENAMED: Final = {
    "no_hooks": "hooks",
    "no_header": "header",
    "no_record": "record",
    "no_download": "download",
    "no_push": "push",
    "no_run_cache": "run_cache",
    "no_checks": "checks",
    "every": "unchanged",
    "gone": "clone",
    "page": "html",
    "filter_": "filter",
    "unused": "unused_for",
}
"""Options that are called differently, since a flag that turns something off is False in Python."""

OTHERWISE: Final = {
    ("checkout", "arguments"): "rev and paths",
    ("diff", "arguments"): "old, new and paths",
    ("diff", "rows"): "diff_rows",
    ("resolve", "ours"): "choice='ours'",
    ("resolve", "theirs"): "choice='theirs'",
    ("resolve", "union"): "choice='union'",
    ("repro", "dry_run"): "plan_repro",
    ("exp undo", "as_list"): "exp.list_undo",
    ("exp undo", "drop_number"): "exp.drop_undo",
    ("repro", "interactive"): "confirm",
    ("dag", "mermaid"): "Diagram.mermaid()",
    ("dag", "dot"): "Diagram.dot()",
    ("lineage", "mermaid"): "the stages and inputs of Lineage",
    ("exp show", "watch"): "a loop in a notebook",
    ("exp show", "open_"): "webbrowser.open(path.as_uri())",
    ("exp show", "sort_order"): "a leading `-` in sort",
    ("logs", "follow"): "RunLog.pieces(follow=True)",
    ("exp run", "queued"): "exp.queue",
    ("exp run", "sweep"): "the name of exp.sweep",
    ("queue start", "detach"): "queue.start_detached",
    ("queue remove", "queued"): "statuses",
    ("queue remove", "failed"): "statuses",
    ("queue remove", "stopped"): "statuses",
    ("queue remove", "everything"): "statuses",
    ("queue retry", "failed"): "statuses",
    ("queue retry", "stopped"): "statuses",
    ("list", "recursive"): "dver.walk",
    ("list", "tracked"): "`tracked` of FileInfo",
    ("model get", "arguments"): "repo and name",
    ("monitor compare", "page"): "monitor.write_page",
    ("monitor compare", "on_alarm"): "`alarm` of the result",
    ("monitor history", "page"): "monitor.write_page",
    ("plots show", "open_"): "webbrowser.open(written.paths[0].as_uri())",
    ("plots diff", "open_"): "webbrowser.open(written.paths[0].as_uri())",
    ("report", "comment"): "comment_report",
    ("report", "summary"): "summarize_report",
    ("report", "from_"): "the first argument of comment_report",
    ("plots show", "show_vega"): "`spec` of a plot",
    ("plots diff", "show_vega"): "`spec` of a plot",
}
"""Options that Python has in another form."""


def commands() -> Iterator[tuple[str, click.Command]]:
    for verb in SUMMARIES:
        command = cli.get_command(click.Context(cli), verb)
        assert command is not None
        if isinstance(command, click.Group):
            yield from ((f"{verb} {name}", one) for name, one in command.commands.items())
        else:
            yield verb, command


def counterparts(name: str) -> list[Callable[..., Any]]:
    if name in ELSEWHERE:
        found = ELSEWHERE[name]
        return [] if isinstance(found, str) else [found]
    return [method(path) for path in SPLIT.get(name, (name.replace(" ", ".").replace("-", "_"),))]


def method(path: str) -> Callable[..., Any]:
    """The method at a dotted path of `Project`, through the properties that are groups of methods."""
    owner: Any = dver.Project
    for part in path.split("."):
        found = getattr(owner, part)
        owner = _group(found) if isinstance(found, property) else found
    return owner.__call__ if inspect.isclass(owner) else owner


def _group(group: property) -> type:
    assert group.fget is not None
    return getattr(inspect.getmodule(group.fget), inspect.signature(group.fget).return_annotation)


COMMANDS: Final = dict(commands())


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in NOT_IN_PYTHON])
def test_every_command_and_option_has_a_counterpart(name: str) -> None:
    methods = counterparts(name)
    assert methods or name == "version"
    known = {parameter for one in methods for parameter in _parameters(one)}
    wanted = {str(option.name) for option in COMMANDS[name].params if option.name not in FORMS}
    wanted = {RENAMED.get(one, one) for one in wanted if (name, one) not in OTHERWISE}
    assert wanted <= known


def _parameters(method: Callable[..., Any]) -> set[str]:
    """The names of a method's parameters, with those of a `TypedDict` that it unpacks."""
    found = set(inspect.signature(method).parameters)
    for annotation in inspect.get_annotations(method).values():
        if unpacked := re.fullmatch(r"Unpack\[(\w+)\]", str(annotation)):
            found |= getattr(dver, unpacked[1]).__annotations__.keys()
    return found


def test_the_lists_of_exceptions_name_only_what_exists() -> None:
    assert set(NOT_IN_PYTHON) <= set(COMMANDS)
    assert {*ELSEWHERE, *SPLIT} <= set(COMMANDS)
    for name, option in OTHERWISE:
        assert option in {one.name for one in COMMANDS[name].params}, (name, option)
    options = {option.name for command in COMMANDS.values() for option in command.params}
    assert set(RENAMED) <= options
    assert options >= FORMS


def test_every_method_is_documented() -> None:
    missing = [name for name in COMMANDS for one in _found(name) if not inspect.getdoc(one)]
    assert missing == []


def _found(name: str) -> list[Callable[..., Any]]:
    return [] if name in NOT_IN_PYTHON else counterparts(name)

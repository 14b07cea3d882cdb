"""A stage from the options of `dver stage add`, converted to its definition in `dver.yaml`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final

from dver.core.errors import UsageError
from dver.pipelines.definition.stage import PARAMS_FILE, OutputRole

_RESOURCES = ("cpus", "gpus", "memory")


@dataclass(frozen=True, slots=True)
class NewOutput:
    """An output of a new stage."""

    path: str
    role: OutputRole = OutputRole.OUT
    cache: bool = True
    persist: bool = False


_OUTPUTS: Final = {
    "outs": NewOutput(""),
    "outs_no_cache": NewOutput("", cache=False),
    "outs_persist": NewOutput("", persist=True),
    "outs_persist_no_cache": NewOutput("", cache=False, persist=True),
    "metrics": NewOutput("", OutputRole.METRICS),
    "metrics_no_cache": NewOutput("", OutputRole.METRICS, cache=False),
    "plots": NewOutput("", OutputRole.PLOTS),
    "plots_no_cache": NewOutput("", OutputRole.PLOTS, cache=False),
}
"""The output that each option adds."""

OUTPUT_OPTIONS: Final = tuple(_OUTPUTS)


def new_outputs(paths: Mapping[str, Sequence[str]]) -> tuple[NewOutput, ...]:
    """The outputs for the paths of each of `OUTPUT_OPTIONS`."""
    return tuple(
        replace(output, path=path) for option, output in _OUTPUTS.items() for path in dict.fromkeys(paths[option])
    )


def shell_command(args: Sequence[str]) -> str:
    """One argument is a shell command; several are a program with its arguments. Raises UsageError."""
    import shlex

    if not args:
        raise UsageError("missing command", fix="add it after the name and the options")
    text = args[0] if len(args) == 1 else shlex.join(args)
    if not text.isprintable() and any("\ud800" <= char <= "\udfff" for char in text):
        raise UsageError("the command is not UTF-8", why="dver.yaml is UTF-8", fix="use file names in UTF-8")
    return text


@dataclass(frozen=True, slots=True)
class NewStage:
    """A new stage. Paths are relative to `wdir`, which is relative to the directory of `dver.yaml`."""

    name: str
    cmd: str
    wdir: str | None = None
    deps: tuple[str, ...] = ()
    params: tuple[str, ...] = ()
    """`KEY,KEY` of params.yaml, `FILE:KEY,KEY`, or `FILE:` for a whole file."""
    outs: tuple[NewOutput, ...] = ()
    env: tuple[str, ...] = ()
    """`NAME`, or `NAME=value`."""
    resources: tuple[str, ...] = ()
    """`cpus=2`, `gpus=1`, `memory=8GB`."""
    retry: int = 0
    timeout: str | None = None
    always_changed: bool = False
    desc: str | None = None

    def definition(self) -> dict[str, Any]:
        """The definition for `dver.yaml`. Raises UsageError for invalid parameters or resources."""
        definition: dict[str, Any] = {
            "desc": self.desc,
            "cmd": self.cmd,
            "wdir": self.wdir,
            "deps": list(dict.fromkeys(self.deps)),
            "params": _params(self.params),
            **{role.value: [_output(one) for one in self.outs if one.role is role] for role in OutputRole},
            "env": [_variable(one) for one in self.env],
            "resources": dict(_resources(self.resources)),
            "retry": self.retry,
            "timeout": self.timeout,
            "always_changed": self.always_changed,
        }
        return {key: value for key, value in definition.items() if value}


def _params(texts: Sequence[str]) -> list[Any]:
    """The list under `params`: keys of params.yaml first, then other files with their keys."""
    files: dict[str, dict[str, None]] = {}
    whole: set[str] = set()
    for text in texts:
        file, colon, keys = text.rpartition(":")
        names = [key.strip() for key in keys.split(",") if key.strip()]
        if not names and not file:
            raise UsageError(f"missing parameter name in {text!r}", fix="use KEY, FILE:KEY, or FILE: for a whole file")
        known = files.setdefault(file if colon else PARAMS_FILE, {})
        known.update(dict.fromkeys(names))
        if not names:
            whole.add(file)
    default = [] if PARAMS_FILE in whole else [*files.pop(PARAMS_FILE, {})]
    return [*default, *({file: None if file in whole else [*keys]} for file, keys in files.items())]


def _output(one: NewOutput) -> str | dict[str, Any]:
    options: dict[str, bool] = {}
    if not one.cache:
        options["cache"] = False
    if one.persist:
        options["persist"] = True
    return {one.path: options} if options else one.path


def _variable(text: str) -> str | dict[str, str]:
    name, equals, value = text.partition("=")
    return {name: value} if equals else name


def _resources(texts: Sequence[str]) -> Iterator[tuple[str, int | float | str]]:
    for text in (part for one in texts for part in one.split(",")):
        name, equals, value = text.partition("=")
        if name not in _RESOURCES or not equals:
            raise UsageError(f"invalid resource {text!r}", fix="use cpus=2, gpus=1 or memory=8GB")
        yield name, _number(value)


def _number(text: str) -> int | float | str:
    for kind in (int, float):
        with suppress(ValueError):
            return kind(text)
    return text

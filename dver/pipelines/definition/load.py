"""Reads a `dver.yaml`: substitutes variables and expands foreach and matrix into stages."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any, Final

from dver.pipelines import FILE_NAME
from dver.pipelines.definition import variables
from dver.pipelines.definition.artifact import ArtifactDefinition, read_artifacts
from dver.pipelines.definition.interpolate import OptionStyle, as_text, substitute
from dver.pipelines.definition.schema import (
    REMOVED_KEYS,
    STAGE_KEYS,
    read_stage,
    read_top_metrics,
    read_top_params,
    read_top_plots,
    read_wdir,
)
from dver.pipelines.definition.stage import PipelineFile, Stage
from dver.pipelines.definition.sweep import read_sweeps
from dver.pipelines.definition.variables import ReadFile
from dver.pipelines.definition.yaml_fields import StagePaths, mapping
from dver.pipelines.definition.yaml_tree import Node, error_at, parse_yaml

if TYPE_CHECKING:
    from dver.pipelines.definition.monitor import MonitorDefinition
    from dver.pipelines.definition.retraining import RetrainingDefinition

_TOP_KEYS: Final = (
    *("stages", "vars", "params", "metrics", "plots", "sweeps", "artifacts", "monitors", "retrain", "datasets"),
)
_INVALID_NAME: Final = re.compile(r"[@:\x00-\x1f\x7f]|^\s*$")
"""Names that a stage cannot have: `@` and `:` are parts of addresses."""
_GROUP_JOINT: Final = "@"
_MATRIX_JOINT: Final = "-"
_STYLE: Final = OptionStyle()
MAX_STAGES: Final = 100_000
"""The maximum number of stages per file, including those of foreach and matrix."""
MAX_TEXT: Final = 64 << 20
"""The maximum number of characters of all stages after substitution, as in a lock file."""


def load_pipeline_file(
    content: bytes, read: ReadFile, *, name: str = FILE_NAME, style: OptionStyle = _STYLE
) -> PipelineFile:
    """Read the file `name` with this `content`. `read` returns the files that it refers to; `style` formats mappings as
    options. Raises PipelineError."""
    root = parse_yaml(content, name)
    found = mapping(root, name, _TOP_KEYS)
    known = variables.file_variables(found.get("vars"), read)
    stages = found.get("stages")
    loader = _Loader(known, read, style)
    made: dict[str, Stage] = {}
    if stages is not None and stages.value is not None:
        for group, node in mapping(stages, "`stages`").items():
            if _INVALID_NAME.search(group):
                why = f"invalid stage name {group!r}"
                raise error_at(stages.keys.get(group, node.mark), why, fix="use letters, digits, `-`, `_` and `.`")
            for stage in loader.stages(group, node, MAX_STAGES - len(made)):
                made[stage.name] = stage
    top = {key: substitute(found[key], known) for key in ("params", "metrics", "plots") if key in found}
    sweeps = substitute(found["sweeps"], known, whole=True) if "sweeps" in found else None
    metrics = read_top_metrics(top.get("metrics"))
    return PipelineFile(
        stages=made,
        params=read_top_params(top.get("params")),
        metrics=tuple(metrics),
        metric_goals={path: goals for path, goals in metrics.items() if goals},
        plots=read_top_plots(top.get("plots")),
        sweeps=read_sweeps(sweeps),
        artifacts=read_artifacts(found.get("artifacts"), known),
        monitors=_monitors(substitute(found["monitors"], known)) if "monitors" in found else {},
        retraining=_retraining(substitute(found["retrain"], known)) if "retrain" in found else {},
    )


def _monitors(node: Node) -> Mapping[str, MonitorDefinition]:
    from dver.pipelines.definition.monitor import read_monitors  # most projects have none, and pay nothing

    return read_monitors(node)


def _retraining(node: Node) -> Mapping[str, RetrainingDefinition]:
    from dver.pipelines.definition.retraining import read_retraining  # likewise

    return read_retraining(node)


def load_artifacts(content: bytes, read: ReadFile, *, name: str = FILE_NAME) -> Mapping[str, ArtifactDefinition]:
    """Only the artifacts of a file, whatever its stages are. Raises PipelineError."""
    found = mapping(parse_yaml(content, name), name)
    if "artifacts" not in found:
        return {}
    return read_artifacts(found["artifacts"], variables.file_variables(found.get("vars"), read))


@dataclass(slots=True)
class _Loader:
    """Expands the stages of one file."""

    known: Mapping[str, Any]
    read: ReadFile
    style: OptionStyle
    text_left: int = MAX_TEXT
    """Limits the memory for the stages of a file, which variables can expand to far more than the file."""

    def stages(self, name: str, node: Node, most: int) -> Iterator[Stage]:
        """The stages of one entry of `stages`: one, or the members of its foreach or matrix. Raises PipelineError for
        more than `most` members before it creates any."""
        found = mapping(node, f"stage {name!r}")
        if "foreach" in found or "do" in found:
            yield from self.foreach(name, node, most)
        elif "matrix" in found:
            yield from self.matrix(name, node, most)
        else:
            _refuse_many(name, node, 1, most)
            yield self.one(name, node, self.known)

    def one(self, name: str, node: Node, known: Mapping[str, Any], group: str | None = None) -> Stage:
        """One stage. `known` are the variables in its scope."""
        found = mapping(node, f"stage {name!r}", STAGE_KEYS, removed=REMOVED_KEYS)
        if "vars" in found:
            known = variables.stage_variables(known, found["vars"], self.wdir(found, known), self.read)
        values = {
            key: substitute(one, known, command=self.style if key == "cmd" else None)
            for key, one in found.items()
            if key != "vars"
        }
        self.count_text(name, values, node)
        return read_stage(name, Node(values, node.mark, node.keys), group=group)

    def count_text(self, name: str, values: Mapping[str, Node], node: Node) -> None:
        """Count the characters of one stage. Raises PipelineError if the limit is exceeded."""
        self.text_left -= len(name)
        waiting = list(values.values())
        while waiting and self.text_left >= 0:
            value = waiting.pop().value
            self.text_left -= len(value) if isinstance(value, str) else 1
            if isinstance(value, Mapping):
                waiting += value.values()
            elif isinstance(value, tuple):
                waiting += value
        if self.text_left < 0:
            raise error_at(
                node.mark,
                f"stage {name[:80]!r}: the stages of this file exceed {MAX_TEXT:,} characters",
                fix="move long values into a file that the stage reads",
            )

    def wdir(self, found: Mapping[str, Node], known: Mapping[str, Any]) -> str:
        return read_wdir({key: substitute(one, known) for key, one in found.items() if key == "wdir"}, StagePaths())

    def foreach(self, name: str, node: Node, most: int) -> Iterator[Stage]:
        """A stage per element of a list, as `item`, or of a mapping, as `key` and `item`."""
        found = mapping(node, f"stage {name!r}", ("foreach", "do"))
        for key in ("foreach", "do"):
            if key not in found:
                raise error_at(node.mark, f"stage {name!r} has no `{key}`", fix="use `foreach` and `do` together")
        members = _members(found["foreach"], substitute(found["foreach"], self.known, whole=True))
        _refuse_many(name, found["foreach"], len(members), most)
        for key, known in members.items():
            yield self.one(f"{name}{_GROUP_JOINT}{key}", found["do"], {**self.known, **known}, name)

    def matrix(self, name: str, node: Node, most: int) -> Iterator[Stage]:
        """A stage per combination of the values of all axes, as `item.AXIS`."""
        found = mapping(node, f"stage {name!r}", ("matrix", *STAGE_KEYS), removed=REMOVED_KEYS)
        axes = mapping(found["matrix"], "`matrix`")
        values = {axis: self.axis(axis, one) for axis, one in axes.items()}
        _refuse_many(name, found["matrix"], math.prod(map(len, values.values())), most)
        template = Node({key: one for key, one in found.items() if key != "matrix"}, node.mark, node.keys)
        for chosen in product(*(one.items() for one in values.values())):
            item = dict(zip(values, (value for _, value in chosen), strict=True))
            key = _MATRIX_JOINT.join(name for name, _ in chosen)
            yield self.one(f"{name}{_GROUP_JOINT}{key}", template, {**self.known, "item": item, "key": key}, name)

    def axis(self, name: str, node: Node) -> dict[str, Any]:
        """The values of an axis by the names that they have in stage names: their own, or for compound values that of
        the axis with a number. The values of a mapping are its keys."""
        over = substitute(node, self.known, whole=True)
        if isinstance(over.value, Mapping):
            return {key: key for key in over.value}
        if not isinstance(over.value, tuple):
            raise error_at(node.mark, f"`matrix`: expected a list for {name!r}, not {over.kind}")
        named: dict[str, Any] = {}
        for position, one in enumerate(over.value):
            compound = isinstance(one.value, (tuple, Mapping))
            key = f"{name}{position}" if compound else _member_name(one, node, position)
            _add_unique(key, one, named, "`matrix`", f" in {name!r}")
        return named


def _refuse_many(name: str, node: Node, number: int, most: int) -> None:
    if number > most:
        raise error_at(
            node.mark,
            f"stage {name!r} expands to {number:,} stages; a file can have at most {MAX_STAGES:,}",
            fix="use fewer values, or handle several of them in one stage",
        )


def _members(node: Node, over: Node) -> dict[str, dict[str, Any]]:
    """The members of a foreach, written as `node`: the variables of each by its key."""
    if isinstance(over.value, Mapping):
        return {key: {"key": key, "item": one.plain()} for key, one in over.value.items()}
    if not isinstance(over.value, tuple):
        raise error_at(over.mark, f"`foreach`: expected a list or a mapping, not {over.kind}")
    compound = any(isinstance(one.value, (tuple, Mapping)) for one in over.value)
    named: dict[str, Any] = {}
    for position, one in enumerate(over.value):
        key = str(position) if compound else _member_name(one, node, position)
        _add_unique(key, one, named, "`foreach`")
    return {key: {"item": value} for key, value in named.items()}


def _member_name(one: Node, node: Node, position: int) -> str:
    """The name that a value gives to a stage. Like DVC, `true` from a variable becomes `True`."""
    is_literal = isinstance(node.value, tuple) and node.value[position] is one
    return as_text(one.value) if is_literal else str(one.value)


def _add_unique(key: str, one: Node, named: dict[str, Any], what: str, where: str = "") -> None:
    """Add a value under its key. Raises PipelineError if the key has another value."""
    value = one.plain()
    if named.setdefault(key, value) != value:
        raise error_at(one.mark, f"{what}: duplicate key {key!r}{where} for {named[key]!r} and {value!r}")

"""The section `retrain` of `dver.yaml`: how a model is trained again on new data (docs/format/dver-yaml.md)."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from dver.core.display import Displayed
from dver.formats.monitor_history import NAME_PATTERN
from dver.formats.registry_tag import is_artifact_name, is_stage_name
from dver.pipelines.definition.promotion_rule import PromotionRule, RuleSyntaxError
from dver.pipelines.definition.yaml_fields import mapping, one_or_more, text
from dver.pipelines.definition.yaml_tree import Mark, Node, error_at

_KEYS: Final = ("data", "targets", "monitor", "stage", "promote")
_DATA_KEYS: Final = ("path", "from")
_STAGE: Final = "prod"


@dataclass(frozen=True, slots=True, repr=False)
class NewDataSource(Displayed):
    """Tracked data that gets a new version. Paths are relative to the directory of the file."""

    path: str
    collected_from: str | None = None
    """A directory whose new files are copied into it first."""


@dataclass(frozen=True, slots=True, repr=False)
class RetrainingDefinition(Displayed):
    """How one model is trained again."""

    artifact: str
    mark: Mark
    data: tuple[NewDataSource, ...]
    promote: PromotionRule
    stage: str = _STAGE
    """The stage of the registry that the new version is assigned to."""
    monitor: str | None = None
    """The monitor whose alarms ask for it; by default the one of `dver monitor --model`."""
    targets: tuple[str, ...] = ()
    """The stages to run; by default all."""


def read_retraining(node: Node | None) -> Mapping[str, RetrainingDefinition]:
    """The definitions by the names of their artifacts. Raises PipelineError with the position of the mistake."""
    if node is None or node.value is None:
        return {}
    return {name: _definition(name, one) for name, one in mapping(node, "`retrain`").items()}


def _definition(name: str, node: Node) -> RetrainingDefinition:
    what = f"`retrain` of {name!r}"
    if not is_artifact_name(name) or ":" in name:
        raise error_at(node.mark, f"{what}: this is no name of an artifact", fix="name an entry of `artifacts`")
    found = mapping(node, what, _KEYS)
    if found.get("promote") is None:
        fix = "add when to promote the new version, such as `promote: auc >= prod.auc`"
        raise error_at(node.mark, f"{what}: `promote` is missing", fix=fix)
    return RetrainingDefinition(
        name,
        node.mark,
        tuple(_source(one, what) for one in one_or_more(found.get("data"), f"{what}: `data`")),
        _rule(found["promote"], what),
        _stage(found.get("stage"), what),
        _monitor(found.get("monitor"), what),
        tuple(text(one, f"{what}: `targets`") for one in one_or_more(found.get("targets"), f"{what}: `targets`")),
    )


def _source(node: Node, what: str) -> NewDataSource:
    if not isinstance(node.value, Mapping):
        return NewDataSource(_path(node, f"{what}: `data`"))
    found = mapping(node, f"{what}: `data`", _DATA_KEYS)
    if "path" not in found:
        raise error_at(node.mark, f"{what}: `data` has no `path`", fix="name the tracked data")
    path = _path(found["path"], f"{what}: `path`")
    if found.get("from") is None:
        return NewDataSource(path)
    collected = _path(found["from"], f"{what}: `from`")
    if _contains(path, collected) or _contains(collected, path):
        fix = "collect new files in a directory of their own, such as `from: live`"
        raise error_at(found["from"].mark, f"{what}: one of {path!r} and {collected!r} contains the other", fix=fix)
    return NewDataSource(path, collected)


def _contains(directory: str, path: str) -> bool:
    return directory == "." or f"{path}/".startswith(f"{directory}/")


def _path(node: Node, what: str) -> str:
    path = posixpath.normpath(text(node, what))
    if path.startswith(("/", "..")):
        raise error_at(node.mark, f"{what}: {path!r} is outside of the directory of dver.yaml", fix="use a path in it")
    return path


def _rule(node: Node, what: str) -> PromotionRule:
    try:
        return PromotionRule.parse(text(node, f"{what}: `promote`"))
    except RuleSyntaxError as error:
        raise error_at(
            node.mark, f"{what}: `promote`: {error}", fix="write it like `auc >= prod.auc - 0.01 and checks.pass`"
        ) from error


def _monitor(node: Node | None, what: str) -> str | None:
    if node is None or node.value is None:
        return None
    name = text(node, f"{what}: `monitor`")
    if NAME_PATTERN.fullmatch(name) is None:
        fix = "use lower-case letters, digits, `.`, `_` and `-`"
        raise error_at(node.mark, f"{what}: {name!r} is no name of a monitor", fix=fix)
    return name


def _stage(node: Node | None, what: str) -> str:
    stage = _STAGE if node is None or node.value is None else text(node, f"{what}: `stage`")
    if not is_stage_name(stage):
        assert node is not None
        raise error_at(node.mark, f"{what}: {stage!r} is no name of a stage", fix="use letters, digits, `-` and `_`")
    return stage

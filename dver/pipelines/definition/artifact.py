"""Artifacts of `dver.yaml`: the models and datasets that the registry knows by name (docs/format/dver-yaml.md)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from dver.core.display import Displayed
from dver.core.errors import PipelineError
from dver.formats.registry_tag import is_artifact_name
from dver.pipelines.definition.yaml_fields import (
    StagePaths,
    list_items,
    mapping,
    optional_text,
    scalar_text,
    text,
)
from dver.pipelines.definition.yaml_tree import Mark, Node, error_at

_KEYS: Final = ("path", "type", "desc", "labels", "meta")


@dataclass(frozen=True, slots=True, repr=False)
class ArtifactDefinition(Displayed):
    """One entry of `artifacts`."""

    name: str
    path: str
    """Relative to the directory of the file."""
    mark: Mark
    type: str | None = None
    """Such as `model` or `dataset`."""
    desc: str | None = None
    labels: tuple[str, ...] = ()
    meta: Any = None


def read_artifacts(node: Node | None) -> Mapping[str, ArtifactDefinition]:
    """The artifacts by name. Raises PipelineError with the position of the mistake."""
    if node is None or node.value is None:
        return {}
    return {name: _artifact(name, one, node) for name, one in mapping(node, "`artifacts`").items()}


def _artifact(name: str, node: Node, parent: Node) -> ArtifactDefinition:
    if ":" in name or not is_artifact_name(name):
        raise error_at(
            parent.keys.get(name, node.mark),
            f"invalid artifact name {name!r}",
            fix="use letters, digits, `-`, `_` and `/`, with a letter or a digit at both ends",
        )
    what = f"artifact {name!r}"
    found = mapping(node, what, _KEYS)
    if "path" not in found:
        raise error_at(
            node.mark, f"{what} has no `path`", fix="add the path of its file or directory: `path: model.pkl`"
        )
    return ArtifactDefinition(
        name,
        _path(found["path"], what),
        parent.keys.get(name, node.mark),
        type=optional_text(found, "type"),
        desc=optional_text(found, "desc"),
        labels=tuple(scalar_text(one, "`labels`") for one in list_items(found.get("labels"), "`labels`")),
        meta=found["meta"].plain() if "meta" in found else None,
    )


def _path(node: Node, what: str) -> str:
    paths = StagePaths()
    found = paths.read(text(node, f"`path` of {what}"), node.mark, f"`path` of {what}")
    if found is None:
        raise paths.refused or PipelineError(f"{what} has no usable path")
    return found

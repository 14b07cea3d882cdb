"""Artifacts of `dver.yaml`: the models and datasets that the registry knows by name (docs/format/dver-yaml.md)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from dver.core.display import Displayed
from dver.core.errors import PipelineError
from dver.formats.registry_tag import is_artifact_name
from dver.pipelines.definition.interpolate import Variables, as_text, substitute
from dver.pipelines.definition.yaml_fields import StagePaths, list_items, mapping, optional_text, scalar_text
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
    refused: PipelineError | None = None
    """Why it cannot be used, although DVC accepts it."""


def read_artifacts(node: Node | None, variables: Variables) -> Mapping[str, ArtifactDefinition]:
    """The artifacts by name. Raises PipelineError with the position of the mistake.

    What DVC accepts is accepted: a name that no tag can have, a path outside of the project and a value that cannot be
    substituted make one artifact unusable, and leave everything else in the file usable.
    """
    if node is None or node.value is None:
        return {}
    found: dict[str, ArtifactDefinition] = {}
    for name, one in mapping(node, "`artifacts`").items():
        definition = _substituted(name, one, node.keys.get(name, node.mark), variables)
        found[definition.name] = definition
    return found


def _substituted(name: str, node: Node, mark: Mark, variables: Variables) -> ArtifactDefinition:
    """One artifact, read with and without the values of variables: what DVC refuses is a mistake in any case."""
    as_written = _artifact(name, node, mark)
    try:
        key = as_text(substitute(Node(name, mark), variables).value)
        return _artifact(key, substitute(node, variables, whole=True), mark)
    except PipelineError as error:
        return replace(as_written, refused=error)


def _artifact(name: str, node: Node, mark: Mark) -> ArtifactDefinition:
    what = f"artifact {name!r}"
    found = mapping(node, what, _KEYS)
    if "path" not in found:
        raise error_at(
            node.mark, f"{what} has no `path`", fix="add the path of its file or directory: `path: model.pkl`"
        )
    paths = StagePaths(refused=_name_error(name, mark))
    path = scalar_text(found["path"], f"`path` of {what}")
    return ArtifactDefinition(
        name,
        paths.read(path, found["path"].mark, f"`path` of {what}") or path,
        mark,
        type=optional_text(found, "type"),
        desc=optional_text(found, "desc"),
        labels=tuple(scalar_text(one, "`labels`") for one in list_items(found.get("labels"), "`labels`")),
        meta=found["meta"].plain() if "meta" in found else None,
        refused=paths.refused or (_no_path_error(what, found["path"].mark) if not path.strip() else None),
    )


def _name_error(name: str, mark: Mark) -> PipelineError | None:
    if ":" not in name and is_artifact_name(name):
        return None
    return error_at(
        mark,
        f"invalid artifact name {name!r}",
        fix="use letters, digits, `-`, `_` and `/`, with a letter or a digit at both ends",
    )


def _no_path_error(what: str, mark: Mark) -> PipelineError:
    return error_at(mark, f"`path` of {what} is empty", fix="write the path of its file or directory")

"""`artifacts.yaml`, in which GTO before version 1 defined artifacts.

churn:
  path: models/churn.pkl
  type: model
"""

from __future__ import annotations

from typing import Final

from dver.models.artifact import Artifact, artifact_in
from dver.pipelines.definition.artifact import ArtifactDefinition
from dver.pipelines.definition.yaml_fields import list_items, mapping, optional_text
from dver.pipelines.definition.yaml_tree import parse_yaml

FILE_OF_GTO: Final = "artifacts.yaml"
"""At the top of the repository."""


def artifact_of_gto(content: bytes, name: str) -> Artifact | None:
    """The artifact `name` of the file; None if it is not in it, or without a path. Raises PipelineError."""
    root = parse_yaml(content, FILE_OF_GTO)
    node = mapping(root, FILE_OF_GTO).get(name) if root.value is not None else None
    found = {} if node is None or node.value is None else mapping(node, f"artifact {name!r}")
    path = optional_text(found, "path")
    if node is None or path is None:
        return None
    labels = tuple(str(one.plain()) for one in list_items(found.get("labels"), "`labels`"))
    definition = ArtifactDefinition(
        name,
        path,
        node.mark,
        type=optional_text(found, "type"),
        desc=optional_text(found, "description"),
        labels=labels,
    )
    return artifact_in("", definition)

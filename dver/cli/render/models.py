"""Versions and stages of models as text."""

from __future__ import annotations

import time
from typing import Final

from dver.cli.render.terminal import Style
from dver.formats.semantic_version import SemanticVersion
from dver.ops.model.list_models import ListedModel

_SHORT: Final = 7


def model_row(model: ListedModel, style: Style) -> list[str]:
    """The row of a model in `dver model list`."""
    stages = ", ".join(f"{name}: {version_text(version)}" for name, version in model.stages.items())
    status = style.yellow("deprecated") if model.deprecated else ""
    day = time.strftime("%Y-%m-%d", time.localtime(model.time)) if model.time is not None else "-"
    return [style.bold(model.name), model.latest or "-", day, " ".join(filter(None, (status, stages)))]


def version_text(version: str) -> str:
    """A version, or the short id of a commit that has none."""
    return version if SemanticVersion.parse(version) else version[:_SHORT]

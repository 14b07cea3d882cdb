"""The methods `project.model`: the registry of models and datasets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dver.api.handle import ProjectHandle

if TYPE_CHECKING:
    from dver.ops.model.list_models import ModelList


class ModelMethods(ProjectHandle):
    """Methods for the registry of models and datasets: `project.model`."""

    __slots__ = ()

    def list(self, *, everything: bool = False) -> ModelList:
        """The models and datasets of the registry, each with its latest version and its stages.

        Args:
            everything: Include deprecated ones.
        """
        from dver.ops.model.list_models import list_models

        with self._open() as repo:
            return list_models(repo, everything=everything)

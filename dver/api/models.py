"""The methods `project.model`: the registry of models and datasets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dver.api.handle import ProjectHandle

if TYPE_CHECKING:
    from dver.ops.model.history import HistoryEvent
    from dver.ops.model.list_models import ModelList
    from dver.ops.model.show import ModelDescription


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

    def show(self, reference: str) -> ModelDescription:
        """The versions and stages of a model, and what the version that `reference` names has.

        Args:
            reference: `NAME`, `NAME@VERSION`, `NAME@latest` or `NAME#STAGE`.

        Raises:
            UsageError: There is no such model, version or stage.
        """
        from dver.ops.model.show import show_model

        with self._open() as repo:
            return show_model(repo, reference)

    def history(self, name: str, *, limit: int | None = None) -> tuple[HistoryEvent, ...]:
        """What happened to a model, newest first: registrations, stages and deprecations.

        Args:
            name: The model.
            limit: The largest number of events.

        Raises:
            UsageError: There is no such model.
        """
        from dver.ops.model.history import model_history

        with self._open() as repo:
            return model_history(repo, name, limit=limit)

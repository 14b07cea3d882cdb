"""The methods `project.model`: the registry of models and datasets."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal, TypeAlias

from dver.api.handle import StrPath
from dver.api.model_changes import ModelChangeMethods
from dver.api.progress import ProgressCallback, progress_for

if TYPE_CHECKING:
    from dver.maintenance.project_checks import Diagnosis
    from dver.models.card.card import ModelCard
    from dver.models.package.write import PackageFormat
    from dver.ops.model.export import ModelExport
    from dver.ops.model.get import ModelGetResult
    from dver.ops.model.history import ModelHistory
    from dver.ops.model.list_models import ModelList
    from dver.ops.model.show import ModelDescription

CardFormName: TypeAlias = Literal["md", "html"]


class ModelMethods(ModelChangeMethods):
    """Methods for the registry of models and datasets: `project.model`."""

    __slots__ = ()

    def export(
        self,
        name: str,
        out: StrPath,
        *,
        format: PackageFormat = "dver",  # noqa: A002 as in `--format`
        repo: StrPath | None = None,
        remote: str | None = None,
        force: bool = False,
        progress: ProgressCallback | None = None,
    ) -> ModelExport:
        """Write a version as a package for serving, which needs neither dver nor Git.

        Args:
            name: `churn` for the latest version, `churn@v1.2.0`, or `churn#prod` for the version in a stage.
            out: A new directory; a name that ends with `.tar` is a tar file. With a slash at the end, the directory to
                write into.
            format: `dver`; `mlflow`, a directory that MLflow loads; or `oci`, an image layout.
            repo: A directory or a URL, instead of this project.
            remote: The name of the remote to read from, instead of those that pointers name.
            force: Replace an existing file or directory.
            progress: Called with the task `export`, in bytes.

        Raises:
            UsageError: There is no such version, or the format does not suit the model.
            ConflictError: `out` exists.
            RemoteError, MissingObjectError, CorruptError: The model cannot be read, or its tag was moved.
        """
        from dver.ops.model.export import export_model

        return export_model(
            name,
            os.fspath(out),
            cwd=self.cwd,
            format=format,
            repo=os.fspath(repo) if repo is not None else os.fspath(self.root),
            remote=remote,
            force=force,
            progress=progress_for(progress),
        )

    def list(self, *, everything: bool = False) -> ModelList:
        """The models and datasets of the registry, each with its latest version and its stages.

        Args:
            everything: Include deprecated ones.
        """
        from dver.ops.model.list_models import list_models

        with self._open() as repo:
            return list_models(repo.git, everything=everything)

    def get(
        self,
        name: str,
        out: StrPath | None = None,
        *,
        repo: StrPath | None = None,
        remote: str | None = None,
        force: bool = False,
        progress: ProgressCallback | None = None,
    ) -> ModelGetResult:
        """Write a version of a model to this machine. It appears when it is complete and verified.

        Args:
            name: `churn` for the latest version, `churn@v1.2.0`, or `churn#prod` for the version in a stage.
            out: The file or directory to write; with a slash at the end, the directory to write into. By default the
                name of the model's file, in the current directory.
            repo: A directory, or a URL that Git can clone. By default this project. Only the tags of the model and one
                commit are transferred.
            remote: The name of the remote to read from, instead of those that the pointers name.
            force: Replace an existing file or directory.
            progress: Called with the task `get`, in bytes.

        Raises:
            UsageError: There is no such version, or the repository cannot be found.
            ConflictError: `out` exists.
            CorruptError: The content is damaged, or is not what was registered: the tag was moved.
            MissingObjectError: The content is missing on the remote.
            RemoteError, RepositoryError: The repository or its remote cannot be read.
        """
        from dver.ops.model.get import get_model

        return get_model(
            None if repo is None else os.fspath(repo),
            name,
            cwd=self.cwd,
            out=None if out is None else os.fspath(out),
            remote=remote,
            force=force,
            progress=progress_for(progress),
        )

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

    def history(self, name: str, *, limit: int | None = None) -> ModelHistory:
        """What happened to a model, newest first: registrations, stages and deprecations.

        Args:
            name: The model.
            limit: The largest number of events.

        Raises:
            UsageError: There is no such model.
        """
        from dver.ops.model.history import model_history

        with self._open() as repo:
            return model_history(repo.git, name, limit=limit)

    def doctor(
        self, *, everything: bool = False, offline: bool = False, progress: ProgressCallback | None = None
    ) -> Diagnosis:
        """Check the tags of the registry, and that the data of versions exists. Changes nothing.

        Args:
            everything: Check the data of all versions, not only of those in use.
            offline: Contact neither the Git remote nor the remotes of data.
            progress: As in `pull`.
        """
        from dver.ops.model.doctor import model_doctor

        with self._open() as repo:
            return model_doctor(repo, everything=everything, offline=offline, progress=progress_for(progress))

    def card(self, name: str) -> ModelCard:
        """What is known about a version: metrics, parameters, data, lineage, beside those of the version before.

        Secrets and absolute paths are replaced. Files that cannot be read are in `problems`.

        Args:
            name: `NAME`, `NAME@VERSION` or `NAME#STAGE`.

        Raises:
            UsageError: There is no such version.
        """
        from dver.ops.model.card import gather_card

        with self._open() as repo:
            return gather_card(repo, name).card

    def render_card(self, card: ModelCard, form: CardFormName = "md") -> str:
        """The card as Markdown, or as an HTML page that stands alone.

        Args:
            card: The result of `card`.
            form: `md` or `html`.
        """
        from dver.ops.model.card import CardForm, render_card

        return render_card(card, CardForm(form)).decode()

    def write_card(self, card: ModelCard, out: StrPath, form: CardFormName | None = None) -> None:
        """Write a card to a file.

        Args:
            card: The result of `card`.
            out: The file.
            form: `md` or `html`. By default, the suffix of `out` decides.

        Raises:
            ConflictError: `out` exists and is not a card.
        """
        from dver.ops.model.card import CardForm, form_of, write_card

        to = self.cwd / out
        write_card(card, to, CardForm(form) if form is not None else form_of(to))

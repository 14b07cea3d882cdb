"""`dver.model`: a version of a model or dataset of the registry, of this or another repository."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, cast

from dver.access.addresses import DataAddress
from dver.access.data_urls import data_url
from dver.access.files import FileInfo, Files
from dver.access.objects import Verify
from dver.api.files import ClosingReader, StrPath
from dver.api.progress import ProgressCallback, progress_for
from dver.core.cache_dir import user_cache_dir
from dver.core.display import Displayed
from dver.formats.registry_tag import TagDetails
from dver.models.located import LocatedVersion, locate_version


@dataclass(frozen=True, slots=True, repr=False)
class Model(Displayed):
    """A version of a model or dataset. `dver.model` makes it. It may be pickled, and shared by threads.

    Paths are relative to the model: for one that is a single file, the path is empty.
    """

    name: str
    """With the directory of its `dver.yaml`: `churn`, or `team/models:churn`."""
    version: str
    """Such as `v1.2.0`; the commit, if a stage was assigned to a commit that has no version."""
    commit: str
    stages: tuple[str, ...]
    """The stages that this version is in, sorted."""
    source: str
    """The path in the repository."""
    deprecated: bool
    details: TagDetails
    """What dver recorded at the registration. Empty for a version that GTO registered."""
    _located: LocatedVersion = field(repr=False, compare=False)

    @property
    def metrics(self) -> Mapping[str, float]:
        """The recorded metrics by `FILE:KEY`."""
        return self.details.metrics

    def path(self, *, progress: ProgressCallback | None = None) -> Path:
        """The model as a read-only file or directory in your cache, verified and compared with what was registered.

        A second call, of any process, downloads nothing. `dver.clear_cache()` deletes it.

        Args:
            progress: Called with the task `get`, in bytes.

        Raises:
            CorruptError: The content is damaged, or is not what was registered: the tag was moved.
            MissingObjectError: The content is missing on the remote.
            RemoteError: The remote cannot be reached.
        """
        from dver.models.cached_copies import cached_copy

        return cached_copy(self._located, user_cache_dir(), progress=progress_for(progress))

    def files(self) -> Files:
        """The files of the model, without a copy. `close` it at the end. Errors as in `path`."""
        return self._located.files()

    def read_bytes(self, path: StrPath = "") -> bytes:
        """The content of the model, or of a file in its directory, verified as a whole. Errors as in `path`."""
        files = self.files()
        try:
            return files.read(os.fspath(path))
        finally:
            files.close()

    def open(self, path: StrPath = "") -> BinaryIO:
        """Open the model, or a file in its directory. Only what is read is downloaded. Errors as in `path`."""
        files = self.files()
        try:
            return cast(BinaryIO, ClosingReader(files.open(os.fspath(path)), files))
        except BaseException:
            files.close()
            raise

    def ls(self, path: StrPath = "") -> Sequence[FileInfo]:
        """The entries of a directory of the model. Errors as in `path`."""
        files = self.files()
        try:
            return files.ls(os.fspath(path))
        finally:
            files.close()

    def url(self, path: StrPath = "") -> str:
        """The URL `dver://REPO@COMMIT/PATH` of the model, or of a file in its directory, for fsspec.

        It always stands for the same content.
        """
        root = self._located.files_address
        return data_url(DataAddress(root.repo, root.commit, os.path.join(root.root, os.fspath(path)).rstrip("/")))


def model(name: str, *, repo: StrPath | None = None, remote: str | None = None, verify: Verify | None = None) -> Model:
    """A version of a model or dataset that is registered by Git tags. Nothing of the model is downloaded yet.

    Args:
        name: `churn` or `churn@latest` for the highest version, `churn@v1.2.0`, or `churn#prod` for the version in a
            stage. With the directory of its `dver.yaml`: `team/models:churn`.
        repo: A directory, or a URL that Git can clone. By default the project around the current directory. Of a URL,
            Git transfers the tags of this model and one commit.
        remote, verify: See `files`.

    Raises:
        UsageError: There is no such version, or nothing says where the model is.
        RepositoryError, RemoteError: The repository cannot be read.
        CorruptError: What the tag records cannot be read.
    """
    found = locate_version(
        None if repo is None else os.fspath(repo), name, cwd=Path.cwd(), remote=remote, verify=verify
    )
    return Model(
        found.artifact.name,
        found.version.version,
        found.commit,
        found.version.stages,
        found.path,
        found.artifact.deprecation is not None,
        found.details,
        found,
    )

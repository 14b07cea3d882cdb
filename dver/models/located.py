"""Versions of the registry, of this or another repository, with their files."""

from __future__ import annotations

import os
import posixpath
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from dver.access.errors import NotAFile, PathNotFound
from dver.access.files import Files
from dver.access.objects import Verify
from dver.access.repositories import FilesAddress, LocalProject, MirroredRepository, mirror_of
from dver.access.rooted_files import RootedAddress
from dver.core.errors import CorruptError, UsageError
from dver.core.phrasing import quoted
from dver.formats.registry_tag import RegistryTag, TagDetails
from dver.formats.tree import forbidden_name
from dver.git.git_repo import CommitId
from dver.git.mirror import GitMirror
from dver.git.network import shown_url
from dver.git.registry.references import (
    ArtifactReference,
    find_artifact,
    find_version,
    not_registered,
    read_artifact,
)
from dver.git.registry.state import ArtifactVersion, RegisteredArtifact
from dver.models.artifact import Artifact
from dver.models.definitions import definition_in
from dver.repo import Repository


@dataclass(frozen=True)
class LocatedVersion:
    """A version of an artifact, and the repository at its commit. Paths are relative to the top of the repository."""

    artifact: RegisteredArtifact
    version: ArtifactVersion
    address: FilesAddress
    base: str = ""
    """The directory that the paths of `address` start from."""

    @property
    def commit(self) -> CommitId:
        """The commit that the version names."""
        return self.version.commit

    @property
    def reference(self) -> str:
        """The name and the version: `churn@v1.2.0`."""
        return f"{self.artifact.name}@{self.version.version}"

    @cached_property
    def details(self) -> TagDetails:
        """What dver recorded when the version was registered; empty for a tag of GTO. Raises CorruptError."""
        registration = self.version.registration
        return TagDetails() if registration is None else registration.details

    @cached_property
    def definition(self) -> Artifact | None:
        """The artifact as the commit defines it: in `dver.yaml`, `dvc.yaml`, or the file of GTO before version 1.

        Raises PipelineError if the file is not valid.
        """
        with closing(self.address()) as files:
            return _definition(files, self.artifact.name, self.base)

    @cached_property
    def path(self) -> str:
        """The path of the artifact: as the tag records it, or the commit defines it. Raises UsageError without one."""
        if self.details.path is not None:
            return self.details.path
        if self.definition is None:
            raise UsageError(
                f"the path of {self.reference} is unknown",
                why=f"its tag records none, and no dver.yaml or dvc.yaml of the commit defines {self.artifact.name!r}",
                fix=f"find it: dver list {self._quoted_repo} --rev {self.commit[:12]}",
            )
        return self.definition.path

    @property
    def file_name(self) -> str:
        """A name for the artifact on this machine: the last part of its path, unless such a file is dangerous."""
        name = posixpath.basename(posixpath.normpath(self.path))
        return self.artifact.name.rpartition("/")[2].rpartition(":")[2] if forbidden_name(os.fsencode(name)) else name

    @property
    def files_address(self) -> RootedAddress:
        """The address of the artifact alone. Picklable."""
        return RootedAddress(self.address, posixpath.relpath(self.path, self.base) if self.base else self.path)

    def files(self) -> Files:
        """The files of the artifact; the path of the artifact itself is empty.

        Raises UsageError if the commit has no such path, CorruptError if the content is not what was registered.
        """
        found = self.files_address()
        try:
            self._verify(found)
        except BaseException:
            found.close()
            raise
        return found

    def _verify(self, files: Files) -> None:
        expected = self.details.content
        found = files.info("").oid
        if expected is None or found == expected:
            return
        content = f"content {str(found)[:12]}" if found is not None else "a file of Git"
        raise CorruptError(
            f"{self.reference} is not what was registered: its tag was moved",
            why=f"it records content {str(expected)[:12]}, but {self.path!r} at commit {self.commit[:12]} is {content}",
            fix=f"to get that anyway: dver get {self._quoted_repo} {quoted(self.path)} --rev {self.commit[:12]}",
        )

    @property
    def _quoted_repo(self) -> str:
        return quoted(shown_url(self.address.repo))


def locate_version(
    repo: str | os.PathLike[str] | None,
    reference: str,
    *,
    cwd: Path,
    remote: str | None = None,
    keeps: bool = True,
    verify: Verify | None = None,
) -> LocatedVersion:
    """The version that `reference` names, such as `churn@latest` or `churn#prod`, in the repository `repo`.

    `repo`, `remote`, `keeps` and `verify` are as in `dver.access.repositories.open_files`. Of a repository elsewhere,
    only the tags of the artifact and the commit of the version are fetched. Raises UsageError for an unknown version,
    and RepositoryError and RemoteError for a repository that cannot be read.
    """
    asked = ArtifactReference.parse(reference)
    repo = None if repo is None else os.path.expanduser(repo)
    mirror = None if repo is None else mirror_of(repo, cwd)
    if mirror is not None:
        artifact = _artifact_elsewhere(mirror, asked.artifact)
        version = find_version(artifact, asked, url=shown_url(mirror.url))
        commit = mirror.resolve(version.commit)
        return LocatedVersion(artifact, version, MirroredRepository(mirror, commit, remote, keeps, verify))
    directory = (cwd if repo is None else cwd / repo).resolve()
    with Repository.open(directory) as opened:
        read = read_artifact if repo is not None else find_artifact
        artifact = read(opened.git, asked.artifact)
        version = find_version(artifact, asked, url=None if repo is None else os.fspath(directory))
        base = os.path.relpath(directory, os.fsdecode(opened.layout.top))
    address = LocalProject(directory, version.commit, remote, keeps, verify)
    return LocatedVersion(artifact, version, address, "" if base == "." else base)


def _artifact_elsewhere(mirror: GitMirror, name: str) -> RegisteredArtifact:
    """The state of an artifact of another repository. Raises UsageError with close matches if no tag names it."""
    found = read_artifact(mirror.registry(name), name)
    if found.events:
        return found
    tags = filter(None, map(RegistryTag.parse, mirror.tag_names()))
    raise not_registered(name, shown_url(mirror.url), {one.artifact for one in tags})


def _definition(files: Files, name: str, base: str) -> Artifact | None:
    """The definition of the artifact `name` in `files`, whose paths start from `base`."""

    def read(path: str) -> bytes | None:
        with suppress(PathNotFound, NotAFile):
            return files.read(posixpath.relpath(path, base) if base else path)
        return None

    return definition_in(read, name)

"""`dver model export`: write a version as a package for serving, which needs neither dver nor Git."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dver.access.download_target import DownloadTarget
from dver.core.display import Displayed
from dver.core.errors import UsageError
from dver.core.progress import SILENT, Progress
from dver.git.registry.references import ArtifactReference
from dver.models.located import LocatedVersion, locate_version
from dver.models.package.packaged_model import ModelVersion, PackagedModel, package_model, source_reader
from dver.models.package.provenance import find_provenance
from dver.models.package.write import FORMATS, PackageFormat, write_new_package

_TAR: Final = ".tar"
_OTHER_ARCHIVES: Final = (".gz", ".tgz", ".zip", ".zst", ".xz", ".bz2")


@dataclass(frozen=True, slots=True, repr=False)
class ModelExport(Displayed):
    """A written package."""

    name: str
    version: str
    commit: str
    format: PackageFormat
    out: Path
    files: int
    size: int
    """Of all files of the package, in bytes."""
    digest: str
    """`sha256:` and the digest of an image's index, or of the list of files and their digests."""
    loader: str | None
    """The format of the model; None if dver does not know how to load it."""
    python: str | None
    requirements: tuple[str, ...]
    """The packages that the model needs, with their versions."""
    environment_unknown: str | None
    """Why the package has no requirements; None if it has them."""
    unknown_modules: tuple[str, ...]
    """Imported modules that no package of the run has as its name."""
    suspect_sources: tuple[str, ...]
    """Modules of the repository in the package whose text may have a secret or an absolute path."""
    has_signature: bool
    needs_main: bool
    """Does the model need a class of the script that made it?"""


def export_model(
    reference: str,
    out: str,
    *,
    cwd: Path,
    format: PackageFormat = "dver",  # noqa: A002 as in `--format`
    repo: str | None = None,
    remote: str | None = None,
    force: bool = False,
    progress: Progress = SILENT,
) -> ModelExport:
    """Write the version `reference`, such as `churn#prod`, to the directory or tar file `out`.

    `repo` is a directory or a URL instead of the project around `cwd`. The package appears when it is complete and
    verified, and not before. With `force`, it replaces an existing file or directory. Raises UsageError for an unknown
    version or a format that does not suit, ConflictError for an existing `out`, and the errors of reading the model.
    """
    _refuse_unknown(format, out)
    name = ArtifactReference.parse(reference).artifact.replace("/", "-").replace(":", "-")
    target = DownloadTarget.named(out, name, cwd, force=force)
    target.check()
    located = locate_version(repo, reference, cwd=cwd, remote=remote)
    is_tar = target.target.name.endswith(_TAR)
    with _packaged(located, remote) as packed, target.new() as new, progress.task("export", total=0) as task:
        writer, digest = write_new_package(packed, new, format, is_tar=is_tar, task=task)
    environment = packed.environment
    return ModelExport(
        packed.version.name,
        packed.version.version,
        packed.version.commit,
        format,
        target.target,
        len(writer.files),
        sum(one.size for one in writer.files.values()),
        digest,
        packed.loader.name if packed.loader else None,
        environment.python,
        tuple(f"{one}=={environment.packages[one]}" for one in environment.requirements),
        environment.missing,
        environment.unknown_modules,
        packed.suspect_sources,
        packed.signature is not None,
        packed.needs_main,
    )


def _refuse_unknown(name: str, out: str) -> None:
    if name not in FORMATS:
        raise UsageError(f"unknown format {name!r}", fix=f"use one of {', '.join(FORMATS)}")
    if out.lower().endswith(_OTHER_ARCHIVES):
        raise UsageError(
            f"cannot write {out!r}",
            why="packages are directories or uncompressed tar files, so that they have the same bytes each time",
            fix="name a directory, or a file that ends with .tar",
        )


@contextmanager
def _packaged(located: LocatedVersion, remote: str | None) -> Iterator[PackagedModel]:
    registration = located.version.registration
    with closing(located.files()) as model, closing(located.address()) as files:
        version = ModelVersion(
            located.artifact.name,
            located.version.version,
            located.commit,
            registration.time if registration else 0,
            located.path,
            model,
            located.definition.definition if located.definition else None,
            located.details,
        )
        read = source_reader(files, located.base)
        yield package_model(version, find_provenance(located, remote=remote), read)

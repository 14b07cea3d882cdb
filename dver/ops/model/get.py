"""`dver model get`: download a version of a model or dataset, without a clone."""

from __future__ import annotations

import os
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from dver.access.download_target import DownloadTarget
from dver.access.export import export
from dver.core.display import Displayed
from dver.core.progress import SILENT, Progress
from dver.git.network import shown_url
from dver.models.located import locate_version


@dataclass(frozen=True, slots=True, repr=False)
class ModelGetResult(Displayed):
    """The version that was downloaded, and where to."""

    repo: str
    name: str
    version: str
    """The commit, if a stage was assigned to a commit that has no version."""
    commit: str
    path: str
    """In the repository."""
    out: Path
    files: int
    size: int
    leading_out: int
    """The number of links that lead out of `out`."""


def get_model(
    repo: str | os.PathLike[str] | None,
    reference: str,
    *,
    cwd: Path,
    out: str | None = None,
    remote: str | None = None,
    force: bool = False,
    progress: Progress = SILENT,
) -> ModelGetResult:
    """Write the version `reference`, such as `churn#prod`, of the repository `repo` to `out`, by default its file name.

    It appears when it is complete and verified. With `force`, replaces an existing file or directory. Raises UsageError
    for an unknown version, ConflictError for an existing `out`, CorruptError if the content is not what was registered.
    """
    if out is not None and not out.endswith("/"):
        DownloadTarget.named(out, "", cwd, force=force).check()  # before anything is transferred
    found = locate_version(repo, reference, cwd=cwd, remote=remote, keeps=False)
    output = DownloadTarget.named(out, found.file_name, cwd, force=force)
    output.check()
    with closing(found.files()) as files, output.new() as new, progress.task("get", total=0) as task:
        done = export(files, files.info(""), new, task)
    return ModelGetResult(
        shown_url(found.address.repo),
        found.artifact.name,
        found.version.version,
        found.commit,
        found.path,
        output.target,
        done.files,
        done.size,
        done.leading_out,
    )

"""`dver get`: download files of another repository without a clone and without a project."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dver.access.addresses import data_name
from dver.access.download_target import DownloadTarget
from dver.access.export import ExportedFiles, export, find_source
from dver.access.repositories import open_files
from dver.access.suggestions import suggesting
from dver.core.display import Displayed
from dver.core.progress import SILENT, Progress


@dataclass(frozen=True, slots=True, repr=False)
class GetResult(Displayed):
    """What was downloaded from where."""

    repo: str
    commit: str | None
    """None for a project on this machine as it is."""
    path: str
    out: Path
    files: int
    size: int
    leading_out: int
    """The number of links that lead out of `out`."""


def get(
    repo: str,
    path: str = "",
    *,
    cwd: Path,
    rev: str | None = None,
    out: str | None = None,
    remote: str | None = None,
    force: bool = False,
    progress: Progress = SILENT,
) -> GetResult:
    """Write the file or directory `path` of the repository `repo` at `rev` to `out`, by default its name in `cwd`.

    Appears under its name when it is complete and verified, and not before. With `force`, replaces an existing file or
    directory. Raises UsageError for a wrong path or revision, ConflictError for an existing `out`.
    """
    output = DownloadTarget.named(out, data_name(repo, path), cwd, force=force)
    output.check()
    files = open_files(repo, rev=rev, remote=remote, cwd=cwd, keeps=False)
    try:
        with suggesting(files, path):
            source = find_source(files, path)
        with output.new() as new, progress.task("get", total=0) as task:
            done = export(files, source, new, task)
        return _result(repo, files.commit, path, output.target, done)
    finally:
        files.close()


def _result(repo: str, commit: str | None, path: str, target: Path, done: ExportedFiles) -> GetResult:
    return GetResult(repo, commit, path, target, done.files, done.size, done.leading_out)

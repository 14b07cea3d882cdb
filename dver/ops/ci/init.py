"""`dver ci init`: write workflows for GitHub Actions or GitLab CI."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dver.ci.workflows.files import GITLAB_FILE, WorkflowHost, WorkflowSettings, gitlab_jobs, workflow_files
from dver.ci.workflows.monitor_commands import MonitorJob
from dver.ci.workflows.remote_access import RemoteAccess, access_of
from dver.ci.workflows.requirements import FILES, Requirements, requirements_of
from dver.core.display import Displayed
from dver.core.errors import ConflictError, DverError, UsageError
from dver.core.files import write_atomic
from dver.core.phrasing import join_limited
from dver.git import index
from dver.git.branches import default_branch
from dver.pipelines.definition.monitor import MonitorDefinition
from dver.pipelines.workspace.pipelines import pipelines_of_workspace
from dver.repo import Repository
from dver.tracking.targets import target_containing, tracked_below, tracked_in_worktree

_DIRECTORY: Final = re.compile(r"[\w./ -]*")


@dataclass(frozen=True, slots=True, repr=False)
class WrittenWorkflows(Displayed):
    """The workflow files of a project. Paths are relative to the top of the Git worktree."""

    host: WorkflowHost
    written: tuple[str, ...]
    """New and replaced files. They are staged for Git, unless it ignores them."""
    unchanged: tuple[str, ...]
    """Files that existed with this content."""
    secrets: tuple[str, ...]
    """The secrets that the jobs read, besides tokens of the host itself."""
    remote: str | None
    """The default remote of the project; None if it has none."""
    is_local_remote: bool
    """Whether that remote is a directory of this machine."""
    is_unshared_remote: bool
    """Whether only the settings of this clone or user name that remote, so that jobs do not have it."""
    to_include: str | None = None
    """The file that the user's `.gitlab-ci.yml` is to include, if it does not do so."""


def ci_init(
    repo: Repository, host: WorkflowHost, *, retrain: bool = False, monitor: bool = False, force: bool = False
) -> WrittenWorkflows:
    """Write the workflow files for `host`, with `retrain` and `monitor` also those that do so on a schedule.

    Raises ConflictError if a file exists with other content, unless `force` is set; the user's `.gitlab-ci.yml` is
    never replaced. Then nothing is written.
    """
    name, access = _access(repo)
    settings = WorkflowSettings(
        directory=_directory(repo),
        branch=default_branch(repo.git) or "main",
        access=access,
        requirements=_requirements(repo.root),
        retrain=retrain,
        models=_retrained_models(repo) if retrain else (),
        monitors=_monitors(repo) if monitor else (),
    )
    top = Path(os.fsdecode(repo.layout.top))
    wanted = workflow_files(host, settings)
    found = {path: _content(top, path) for path in wanted}
    to_include = None
    if found.get(GITLAB_FILE) is not None:
        included = gitlab_jobs(settings.name)
        to_include = None if included.encode() in (found[GITLAB_FILE] or b"") else included
        del wanted[GITLAB_FILE]
    changed = {path: text.encode() for path, text in wanted.items() if found[path] != text.encode()}
    if not force:
        _refuse_existing(
            repo, host, [path for path in changed if found[path] is not None], retrain=retrain, monitor=monitor
        )
    _write(repo, top, changed)
    return WrittenWorkflows(
        host,
        tuple(changed),
        tuple(path for path in wanted if path not in changed),
        access.all_secrets,
        name,
        access.is_local,
        name is not None and repo.config.origin(f"remote.{name}.url") != "project",
        to_include,
    )


def _retrained_models(repo: Repository) -> tuple[str, ...]:
    """The entries of `retrain` in readable `dver.yaml` files, by the names of the registry."""
    files = {folder: one for folder, one in pipelines_of_workspace(repo).items() if not isinstance(one, DverError)}
    return tuple(
        sorted(f"{folder}:{name}" if folder else name for folder, file in files.items() for name in file.retraining)
    )


def _monitors(repo: Repository) -> tuple[MonitorJob, ...]:
    """The monitors in `dver.yaml` files that have live data. Raises UsageError if there are none."""
    files = {folder: one for folder, one in pipelines_of_workspace(repo).items() if not isinstance(one, DverError)}
    jobs = [_monitor_job(repo, folder, one) for folder, file in files.items() for one in file.monitors.values()]
    found = tuple(sorted((one for one in jobs if one.live), key=lambda one: one.name))
    if not found:
        raise UsageError(
            "no monitor has live data",
            why="a job compares the paths at `live` of each entry of `monitors` in dver.yaml",
            fix="add `live: PATH` to a monitor",
        )
    return found


def _monitor_job(repo: Repository, folder: str, monitor: MonitorDefinition) -> MonitorJob:
    top = os.path.realpath(repo.root)
    paths = [os.path.relpath(os.path.join(repo.git.worktree, folder, one), top) for one in monitor.live]
    for path in paths:
        if not _DIRECTORY.fullmatch(path) or not path.isprintable():
            raise UsageError(
                f"cannot write workflows for the live data {path!r}",
                why="its path has characters that workflows cannot have",
                fix="rename it",
            )
    tracked = tracked_in_worktree(repo)
    places = [os.fsencode(os.path.normpath(os.path.join(folder, one))) for one in monitor.live]
    pulled = [
        path
        for path, place in zip(paths, places, strict=True)
        if target_containing(tracked, place) or tracked_below(tracked, place)
    ]
    return MonitorJob(monitor.name, tuple(paths), tuple(pulled))


def _access(repo: Repository) -> tuple[str | None, RemoteAccess]:
    """The default remote, and what jobs need to reach it."""
    name = repo.config.default_remote
    if name is None:
        return None, RemoteAccess()
    return name, access_of(name, repo.config.remote_table(name))


def _directory(repo: Repository) -> str:
    directory = os.fsdecode(repo.layout.prefix)
    if not _DIRECTORY.fullmatch(directory) or not directory.isprintable():
        raise UsageError(
            f"cannot write workflows for the project in {directory!r}",
            why="the name of the directory has characters that workflows cannot have",
            fix="rename the directory",
        )
    return directory


def _requirements(root: Path) -> Requirements:
    contents = {}
    for name in FILES:
        with suppress(FileNotFoundError, IsADirectoryError, UnicodeDecodeError):
            contents[name] = (root / name).read_text(encoding="utf-8")
    return requirements_of(contents)


def _content(top: Path, path: str) -> bytes | None:
    """The content of a file; None if it does not exist. Raises ConflictError for links and other kinds of files."""
    place = top
    for part in path.split("/"):
        place = place / part
        if place.is_symlink():
            raise ConflictError(
                f"{path!r} cannot be written",
                why=f"{os.fspath(place.relative_to(top))!r} is a symbolic link",
                fix="replace the link by what it points to",
            )
    try:
        return place.read_bytes()
    except FileNotFoundError:
        return None
    except (IsADirectoryError, NotADirectoryError) as error:
        raise ConflictError(f"{path!r} cannot be written", why=error.strerror, fix="move it elsewhere") from error


def _refuse_existing(repo: Repository, host: WorkflowHost, paths: list[str], *, retrain: bool, monitor: bool) -> None:
    if paths:
        shown = [repo.layout.shown(os.fsencode(path)) for path in paths]
        command = f"dver ci init {host.value}{' --retrain' if retrain else ''}{' --monitor' if monitor else ''} --force"
        raise ConflictError(
            f"{join_limited(shown)} already {'exists' if len(shown) == 1 else 'exist'} with other content",
            why="they may be your changes",
            fix=f"commit your changes with Git, then `{command}` replaces the files",
        )


def _write(repo: Repository, top: Path, contents: Mapping[str, bytes]) -> None:
    for path, content in contents.items():
        (top / path).parent.mkdir(parents=True, exist_ok=True)
        write_atomic(top / path, content)
    paths = [os.fsencode(path) for path in contents]
    ignored = index.ignored(repo.git, paths)
    index.stage(repo.git, [path for path in paths if path not in ignored])

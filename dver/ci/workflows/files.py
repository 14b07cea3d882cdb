"""The workflow files of a project, by host. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from importlib.resources import files
from typing import Final

from dver.ci.workflows.actions import ACTIONS
from dver.ci.workflows.monitor_commands import PAGES, MonitorJob, monitor_commands, push_commands
from dver.ci.workflows.remote_access import RemoteAccess
from dver.ci.workflows.requirements import Requirements
from dver.ci.workflows.template import Values, render
from dver.core.phrasing import quoted

_POINTERS: Final = ("**/*.dver", "**/dver.lock", "**/*.dvc", "**/dvc.lock")
_PLAIN: Final = re.compile(r"[A-Za-z0-9_./-]+")


class WorkflowHost(Enum):
    """A service that runs workflows."""

    GITHUB = "github"
    GITLAB = "gitlab"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowSettings:
    """What the workflows of a project depend on."""

    directory: str = ""
    """The project's directory; empty at the top of the repository."""
    branch: str = "main"
    """The default branch."""
    access: RemoteAccess
    requirements: Requirements
    retrain: bool = False
    """Whether to retrain on a schedule."""
    models: tuple[str, ...] = ()
    """The models that `dver retrain` can retrain; without any, the stages that are out of date are run."""
    monitors: tuple[MonitorJob, ...] = ()
    """The monitors to run on a schedule."""

    @property
    def name(self) -> str:
        """The name of the workflows: a repository may have several projects."""
        slug = re.sub(r"[^A-Za-z0-9_]+", "-", self.directory).strip("-")
        return f"dver-{slug}" if slug else "dver"


def workflow_files(host: WorkflowHost, settings: WorkflowSettings) -> dict[str, str]:
    """The contents of all workflow files, by their paths from the top of the repository."""
    name = settings.name
    if host is WorkflowHost.GITLAB:
        jobs = gitlab_jobs(name)
        return {jobs: _rendered(host, "dver.yml", settings), GITLAB_FILE: gitlab_include(jobs)}
    templates = ["dver", "dver-comment", "dver-register"]
    templates += ["dver-retrain"] if settings.retrain else []
    templates += ["dver-monitor"] if settings.monitors else []
    return {
        f".github/workflows/{name}{one.removeprefix('dver')}.yml": _rendered(host, f"{one}.yml", settings)
        for one in templates
    }


GITLAB_FILE: Final = ".gitlab-ci.yml"
"""The file that GitLab reads. It includes ours, and may have jobs of the user."""


def gitlab_jobs(name: str) -> str:
    """The file with our jobs."""
    return f".gitlab/{name}.yml"


def gitlab_include(path: str) -> str:
    """The lines of GitLab's file that include the file `path`."""
    return f"include:\n  - local: {path}\n"


def _rendered(host: WorkflowHost, template: str, settings: WorkflowSettings) -> str:
    text = (files(__package__) / host.value / template).read_text(encoding="utf-8")
    values = _of_github(settings) if host is WorkflowHost.GITHUB else _of_gitlab(settings)
    return render(text, {**_of_both(settings), **values})


def _of_both(settings: WorkflowSettings) -> Values:
    directory, access = settings.directory, settings.access
    retrain_after_monitor = bool(settings.models and settings.monitors)
    after_alarm = " --if-alert" if retrain_after_monitor else ""
    return {
        "name": settings.name,
        "directory": _scalar(directory) if directory else "",
        "report_path": _scalar(f"{directory}/dver-report" if directory else "dver-report"),
        "pages_path": _scalar(f"{directory}/{PAGES}" if directory else PAGES),
        "key": f" --key {settings.name}" if directory else "",
        "install_dver": settings.requirements.install_dver(access.extra),
        "setup": access.setup,
        "retrain": settings.retrain,
        "retrain_commands": [f"dver retrain {quoted(one)} --pull --pr{after_alarm}" for one in settings.models],
        "retrain_stages": not settings.models,
        "retrain_after_monitor": retrain_after_monitor,
        "retrain_at_any_time": not retrain_after_monitor,
        "monitors": bool(settings.monitors),
        "install_monitor": settings.requirements.install_dver("data", access.extra),
        "monitor_commands": monitor_commands(settings.monitors),
    }


def _of_github(settings: WorkflowSettings) -> Values:
    requirements, access = settings.requirements, settings.access
    return {
        **ACTIONS,
        "branch": json.dumps(settings.branch),
        "python": _python(requirements.python_version_file, settings.directory),
        "install": requirements.install(access.extra, export='echo "$PWD/.venv/bin" >> "$GITHUB_PATH"'),
        "push_history": push_commands("$GITHUB_REF_NAME"),
        "guarded": bool(access.all_secrets),
        "secrets": _from_secrets(access.secrets),
        "environment": _from_secrets(access.environment),
        "cache_key": f"dver-store-${{{{ hashFiles({', '.join(map(repr, _POINTERS))}) }}}}",
    }


def _of_gitlab(settings: WorkflowSettings) -> Values:
    lines = settings.requirements.install(settings.access.extra, export='export PATH="$PWD/.venv/bin:$PATH"')
    return {"install_requirements": lines, "push_history": push_commands("$CI_DEFAULT_BRANCH", "-o ci.skip")}


def _python(version_file: str | None, directory: str) -> str:
    if version_file is None:
        return 'python-version: "3.12"'
    return f"python-version-file: {_scalar(f'{directory}/{version_file}' if directory else version_file)}"


def _from_secrets(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(f"{name}: ${{{{ secrets.{name} }}}}" for name in names)


def _scalar(text: str) -> str:
    """A scalar of YAML."""
    return text if _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)

"""A project with registered models whose data is on a remote. Importable from every test."""

from __future__ import annotations

import itertools
import os
import subprocess
from pathlib import Path

from gitserver import allow_filters
from workspaces import Project, write

from dver.core.oid import Oid
from dver.formats.registry_tag import TagDetails, encode_message
from dver.ops.share.push import push
from dver.ops.share.remote import add as add_remote
from dver.repo import Repository
from dver.tracking.targets import tracked_in_worktree

_SECONDS = itertools.count(1_700_000_000)
_DEFINITION = b"artifacts:\n  churn: {path: models/churn, type: model, desc: A model.}\n  note: {path: README}\n"


def tag(repo: Path, *names: str, rev: str = "HEAD", details: TagDetails | None = None) -> None:
    """Annotated tags, a second apart."""
    message = "text" if details is None else encode_message("text", details)
    for name in names:
        env = {**os.environ, "GIT_COMMITTER_DATE": f"{next(_SECONDS)} +0000"}
        subprocess.run(["git", "tag", "-f", "-a", "-m", message, name, rev], cwd=repo, env=env, check=True)


def commit_all(project: Project, files: dict[str, bytes]) -> None:
    """Commit files to Git."""
    write(project.root, files)
    project.git("add", *files)
    project.commit()


def publish(project: Project, content: bytes) -> None:
    """Commit and push a version of the model, a directory of two files, and of a large file."""
    write(project.root, {"models/churn/weights": content, "models/churn/sub/vocabulary": b"words\n", "large": content})
    project.add("models/churn", "large")
    with Repository.open(project.root) as repo:
        push(repo, cwd=project.root)
    project.commit("A version")


def content_of(project: Project, path: bytes = b"models/churn") -> Oid:
    """The object of tracked data."""
    with Repository.open(project.root) as repo:
        return tracked_in_worktree(repo)[path].entry.oid


def make_source(root: Path, remote: Path) -> Project:
    """Two versions of churn: the first in stage prod, the second without details, as GTO makes them.

    Two other models are files: `note` of Git, `large` of dver.
    """
    project = Project.make(root)
    with Repository.open(project.root) as repo:
        add_remote(repo, "origin", os.fspath(remote), default=True)
    commit_all(project, {"dver.yaml": _DEFINITION})
    publish(project, b"one")
    details = TagDetails(path="models/churn", content=content_of(project), metrics={"m.json:auc": 0.9})
    tag(project.root, "churn@v1.0.0", details=details)
    publish(project, b"two")
    tag(project.root, "churn@v2.0.0", "note@v0.1.0")
    tag(project.root, "large@v1.0.0", details=TagDetails(path="large", content=content_of(project, b"large")))
    tag(project.root, "churn#prod#1", rev="HEAD~1")
    allow_filters(project.root)
    return project

"""Pictures on a branch of a GitHub repository, for GitHub's API cannot attach files to comments."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from dver.ci.hosts.api_client import ApiClient
from dver.ci.hosts.github import rest_path
from dver.ci.hosts.job import CiJob
from dver.ci.hosts.pictures import AttachedPicture
from dver.ci.hosts.rest_comments import text_of
from dver.core.errors import UsageError
from dver.remote.failures import RefusedError, TransientError

_ACTION: Final = "commit pictures"
_MESSAGE: Final = "Pictures of dver report\n"
_MOVED: Final = re.compile("not a fast forward|already exists|does not exist")
"""What GitHub says of a branch that another job has moved, made or removed."""
_FILE: Final = "100644"


def commit_pictures(
    job: CiJob, client: ApiClient, branch: str, pictures: Mapping[str, AttachedPicture]
) -> dict[str, str]:
    """Commit `pictures` to `branch`, and return the URL of each. May be called again after a TransientError.

    The branch has no common history with others, and only ever grows: jobs that push at once build on each other.
    """
    git = f"{rest_path(job)}/git"
    tip = _tip(client, f"{git}/ref/heads/{quote(branch)}")
    base = _tree_of(client, f"{git}/commits/{tip}", branch) if tip else ""
    entries = [
        {"path": one.name, "mode": _FILE, "type": "blob", "sha": _create_blob(client, git, one)}
        for one in {one.name: one for one in pictures.values()}.values()
    ]
    tree = _create(client, f"{git}/trees", {"tree": entries, **({"base_tree": base} if base else {})})
    if tree != base:
        parents = [tip] if tip else []
        commit = _create(client, f"{git}/commits", {"message": _MESSAGE, "tree": tree, "parents": parents})
        _move(client, git, branch, commit, exists=bool(tip))
    at = f"{job.web}/blob/{quote(branch)}"
    return {link: f"{at}/{one.name}?raw=true" for link, one in pictures.items()}


def _tip(client: ApiClient, path: str) -> str:
    """The commit of a branch; empty if the branch does not exist."""
    try:
        data = client.get(path, _ACTION)
    except RefusedError as error:
        if error.code in ("404", "409"):  # 409: the repository has no commits
            return ""
        raise
    return text_of(data, "object", "sha") if isinstance(data, dict) else ""


def _tree_of(client: ApiClient, path: str, branch: str) -> str:
    """The tree of the last commit of the branch. Raises UsageError if dver has not made the commit."""
    commit = client.get(path, _ACTION)
    if text_of(commit, "message").strip() != _MESSAGE.strip():
        raise UsageError(
            f"branch {branch!r} is not one for pictures",
            why="its last commit is not one of dver",
            fix="pass the name of a new branch, such as --images-branch dver-images",
        )
    return text_of(commit, "tree", "sha")


def _create_blob(client: ApiClient, git: str, picture: AttachedPicture) -> str:
    content = base64.b64encode(picture.content).decode()
    return _create(client, f"{git}/blobs", {"content": content, "encoding": "base64"})


def _create(client: ApiClient, path: str, body: dict[str, Any]) -> str:
    """Create an object of Git, and return its id."""
    data = client.send("POST", path, _ACTION, body=body).data
    made = text_of(data, "sha") if isinstance(data, dict) else ""
    if not made:
        raise client.not_an_api(_ACTION)
    return made


def _move(client: ApiClient, git: str, branch: str, commit: str, *, exists: bool) -> None:
    """Set the branch to `commit`, unless another job was faster."""
    try:
        if exists:
            body: dict[str, Any] = {"sha": commit, "force": False}
            client.send("PATCH", f"{git}/refs/heads/{quote(branch)}", _ACTION, body=body)
        else:
            client.send("POST", f"{git}/refs", _ACTION, body={"ref": f"refs/heads/{branch}", "sha": commit})
    except RefusedError as error:
        if not _MOVED.search(error.why or ""):
            raise
        raise TransientError(error.what, why=f"another job has moved {branch}: {error.why}", fix=error.fix) from error

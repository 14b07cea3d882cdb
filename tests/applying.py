"""Workspaces for tests of `exp apply`: random trees, random changes, and everything that is in them afterwards."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from workspaces import Project, listing, write

from dver.core.progress import SILENT
from dver.experiments.apply.look import StepTarget
from dver.experiments.apply.record import StepKind
from dver.experiments.apply.step import StepResult, take_step
from dver.experiments.apply.workspace_data import data_of_commit
from dver.ops.exp.undo import UndoResult, undo

VERSIONS: list[dict[str, bytes]] = [
    {"x": b"x\n", "sub/y": b"y\n"},
    {"x": b"X2\n", "sub/y": b"y\n", "z": b"z\n"},
    {"sub": b"now a file\n"},
]
"""The content of the tracked directory `data`, by version."""


class Node(NamedTuple):
    """A file: `mode` is `-` for a regular one, `x` for an executable, `l` for a link with `content` as its target."""

    mode: str
    content: bytes


Files = Mapping[bytes, Node]


@dataclass(frozen=True)
class Version:
    """The files of a commit, and the version of its data; None for a commit without data."""

    files: Files
    data: int | None


@cache
def _template() -> tuple[TemporaryDirectory[str], list[bytes]]:
    """A project whose store has all versions of the data, and the pointer of each."""
    directory = TemporaryDirectory(prefix="dver-test-apply-")
    project = Project.make(Path(directory.name) / "repo")
    pointers = []
    for version in VERSIONS:
        shutil.rmtree(project.root / "data", ignore_errors=True)
        write(project.root / "data", version)
        project.add("data", force=True)
        pointers.append((project.root / "data.dver").read_bytes())
    project.git("rm", "-rqf", "--cached", "data.dver", ".gitignore")
    for name in ("data.dver", ".gitignore"):
        (project.root / name).unlink()
    shutil.rmtree(project.root / "data")
    (project.root / ".git/dver/placed.json").unlink()
    return directory, pointers


def new_project(at: Path, base: Version) -> Project:
    """A project at `at` whose HEAD has the files of `base`, checked out with its data."""
    directory, _ = _template()
    subprocess.run(["cp", "-a", f"{directory.name}/repo", at], check=True)
    project = Project(at)
    put_version(at, base)
    project.git("add", "-A", "--force", "--", ".", ":(exclude)data/*")
    project.commit("base")
    project.checkout()
    project.git("update-index", "-q", "--refresh", rc=None)
    return project


def put_version(root: Path, version: Version, *, plain: bool = False) -> None:
    """Write the files of `version`, and the pointer of its data; if `plain`, no `.gitignore` of its own."""
    for path, node in version.files.items():
        put(root, path, node)
    ignored = b"*.log\n"
    if version.data is not None:
        (root / "data.dver").write_bytes(_template()[1][version.data])
        ignored += b"/data\n"
    if not plain:
        (root / ".gitignore").write_bytes(ignored)


def put(root: Path, path: bytes, node: Node) -> None:
    """Write a file in place of whatever is there, or above it."""
    full = os.path.join(os.fsencode(root), path)
    above = os.path.dirname(full)
    while above != os.fsencode(root):
        if os.path.lexists(above) and (os.path.islink(above) or not os.path.isdir(above)):
            os.unlink(above)
        above = os.path.dirname(above)
    os.makedirs(os.path.dirname(full), exist_ok=True)
    remove(root, path)
    if node.mode == "l":
        os.symlink(node.content, full)
        return
    with open(full, "wb") as file:
        file.write(node.content)
    if node.mode == "x":
        os.chmod(full, 0o755)


def remove(root: Path, path: bytes) -> None:
    """Remove whatever is at a path."""
    full = os.path.join(os.fsencode(root), path)
    with suppress(FileNotFoundError, NotADirectoryError):
        if os.path.isdir(full) and not os.path.islink(full):
            shutil.rmtree(full)
        else:
            os.unlink(full)


def commit_of(project: Project, version: Version, *, plain: bool = False) -> str:
    """A commit with the files of `version` on top of HEAD, which no branch has. See `put_version`."""
    with TemporaryDirectory() as folder:
        place = Path(folder)
        put_version(place, version, plain=plain)
        env = {**os.environ, "GIT_DIR": str(project.root / ".git"), "GIT_WORK_TREE": folder}
        env["GIT_INDEX_FILE"] = f"{folder}.index"

        def run(*args: str) -> str:
            done = subprocess.run(["git", *args], cwd=folder, env=env, check=True, capture_output=True)
            return done.stdout.decode().strip()

        run("read-tree", "HEAD^")
        run("-c", "core.safecrlf=false", "add", "-A", "--force", "--ignore-removal", ".")
        commit = run("commit-tree", run("write-tree"), "-p", "HEAD", "-m", "experiment")
        os.unlink(f"{folder}.index")
        return commit


class Snapshot(NamedTuple):
    """Everything in a workspace."""

    files: dict[bytes, tuple[str, bytes, int, int]]
    """Kind, content, mode and time in ns; times and modes of data and times of directories are 0."""
    git_index: bytes | None


def snapshot(project: Project) -> Snapshot:
    """Everything in the workspace, and Git's index."""
    found = {}
    for path, (kind, content) in listing(project.root).items():
        if path == b".git" or path.startswith(b".git/"):
            continue
        status = os.lstat(os.path.join(os.fsencode(project.root), path))
        in_data = path == b"data" or path.startswith(b"data/")
        time = 0 if in_data or kind == "directory" else status.st_mtime_ns
        found[path] = kind, content, 0 if in_data else stat.S_IMODE(status.st_mode), time
    index = project.root / ".git/index"
    return Snapshot(found, index.read_bytes() if index.exists() else None)


def apply_commit(project: Project, commit: str, *, keep_untracked: bool = False) -> StepResult:
    """Apply a commit as an experiment is applied."""
    with project.opened() as repo, repo.exclusive():
        data, remotes = data_of_commit(repo, commit)
        tree = project.git("rev-parse", f"{commit}^{{tree}}").strip()
        target = StepTarget("exp", tree, data, remotes)
        return take_step(repo, target, StepKind.APPLY, keep_untracked=keep_untracked, progress=SILENT)


def undo_step(project: Project, number: int | None = None, *, redo: bool = False) -> UndoResult:
    """Undo or redo the last step."""
    with project.opened() as repo:
        return undo(repo, number, redo=redo)


def assert_is_commit(project: Project, commit: str, version: Version) -> None:
    """The workspace, its index and its data are those of the commit."""
    assert project.git("write-tree").strip() == project.git("rev-parse", f"{commit}^{{tree}}").strip()
    status = project.git("status", "--porcelain", "-z", "--no-renames")
    unstaged = [line for line in status.split("\0") if line and line[1] != " "]
    assert not unstaged, unstaged
    if version.data is not None:
        found = {path: one[1] for path, one in listing(project.root / "data").items() if one[0] != "directory"}
        assert found == {os.fsencode(path): content for path, content in VERSIONS[version.data].items()}


def assert_same(found: Snapshot, wanted: Snapshot, *, exact: bool = True) -> None:
    """Both are the same, byte for byte; without `exact`, whatever the modes and times, and the empty directories."""
    paths = sorted({*found.files, *wanted.files})
    if not exact:
        paths = [path for path in paths if (found.files.get(path) or wanted.files[path])[0] != "directory"]
    both = [(path, found.files.get(path, ()), wanted.files.get(path, ())) for path in paths]
    fields = None if exact else 2
    differing = [
        f"{path!r}: {str(one)[:200]}, not {str(other)[:200]}"
        for path, one, other in both
        if one[:fields] != other[:fields]
    ]
    assert not differing, "\n".join(differing)
    assert found.git_index == wanted.git_index, "Git's index differs"

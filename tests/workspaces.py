"""Projects with data in them, worked on in this process. Importable from every test."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from support import git, make_git_repo

from dver.ops.inspect.diff import diff
from dver.ops.inspect.status import PathStatus, StatusReport, status
from dver.ops.track.add import AddResult, add
from dver.ops.track.checkout import CheckoutResult, checkout
from dver.ops.track.init import init
from dver.repo import Repository
from dver.store.trees.compare import TreeChange
from dver.workspace.checkout.restore import CheckoutSummary
from dver.workspace.files.checkout_plan import CheckoutPlan
from dver.workspace.state.data_state import DataState

Content = tuple[str, bytes]
"""What a path is (file, executable, link, directory), and its bytes."""


def listing(root: str | bytes | os.PathLike[str]) -> dict[bytes, Content]:
    """Everything below `root`, or `root` itself under an empty name if it is no directory."""
    top = os.fsencode(root)
    if not os.path.isdir(top) or os.path.islink(top):
        return {b"": _content(top)} if os.path.lexists(top) else {}
    found: dict[bytes, Content] = {}
    for folder, directories, names in os.walk(top):
        for name in (*directories, *names):
            path = os.path.join(folder, name)
            found[os.path.relpath(path, top)] = _content(path)
    return found


def has_steps(plan: CheckoutPlan) -> bool:
    """Whether a checkout plan changes anything."""
    return bool(plan.remove or plan.remove_directories or plan.create or plan.replace)


def _content(path: bytes) -> Content:
    mode = os.lstat(path).st_mode
    if stat.S_ISLNK(mode):
        return "link", os.readlink(path)
    if stat.S_ISDIR(mode):
        return "directory", b""
    with open(path, "rb") as file:
        return "executable" if mode & stat.S_IXUSR else "file", file.read()


def write(root: Path, files: Mapping[str, bytes]) -> None:
    """Write `files` below `root`, with the folders they need."""
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)


@dataclass
class Project:
    """A project at `root`. Each call opens it anew, as each command does."""

    root: Path

    @classmethod
    def make(cls, root: Path) -> Project:
        """A new Git repository with a project in it."""
        root.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", "-a", f"{_template().name}/repo/.", root], check=True)
        git("update-index", "--refresh", cwd=root)
        return cls(root)

    @contextmanager
    def opened(self) -> Iterator[Repository]:
        """The repository, as the library has it."""
        with Repository.open(self.root) as repo:
            yield repo

    def add(
        self,
        *paths: str,
        update: bool = False,
        dry_run: bool = False,
        force: bool = False,
        cwd: Path | None = None,
    ) -> AddResult:
        """See `dver.ops.track.add`."""
        with self.opened() as repo:
            return add(repo, paths, cwd=cwd or self.root, update=update, dry_run=dry_run, force=force)

    def checkout(self, *paths: str, rev: str | None = None, force: bool = False) -> CheckoutSummary:
        """See `dver.ops.track.checkout`."""
        with self.opened() as repo:
            return checkout(repo, paths, cwd=self.root, rev=rev, force=force).restored

    def checkout_to(self, to: Path, *paths: str, rev: str | None = None) -> CheckoutResult:
        """See `dver.ops.track.checkout`."""
        with self.opened() as repo:
            return checkout(repo, paths, cwd=self.root, rev=rev, to=to)

    def status(self, *paths: str) -> StatusReport:
        """See `dver.ops.inspect.status`."""
        with self.opened() as repo:
            return status(repo, paths, cwd=self.root)

    def state(self, path: str = "data") -> PathStatus:
        """The status of one path."""
        (found,) = self.status(path).paths
        return found

    def is_unchanged(self, path: str = "data") -> bool:
        """Is the data what its pointer says?"""
        return self.state(path).data is DataState.UNCHANGED

    def diff(self, old: str | None = None, new: str | None = None) -> tuple[TreeChange, ...]:
        """See `dver.ops.inspect.diff`."""
        with self.opened() as repo:
            return diff(repo, cwd=self.root, old=old, new=new).changes

    def git(self, *args: str | bytes | os.PathLike[str], rc: int | None = 0) -> str:
        """`git ARGS...` here."""
        return git(*args, cwd=self.root, rc=rc)

    def commit(self, message: str = "A commit") -> str:
        """Commit what is staged; the commit's id."""
        self.git("commit", "--quiet", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD").strip()

    def save(self, *paths: str, message: str = "A commit") -> str:
        """Add `paths` and commit."""
        self.add(*paths)
        return self.commit(message)

    def switch(self, rev: str) -> CheckoutSummary:
        """`git checkout REV`, then `dver checkout`."""
        self.git("checkout", "--quiet", rev)
        return self.checkout()

    def clone(self, to: Path, *, share: bool = True) -> Project:
        """A clone; with `share`, with the same store."""
        git("clone", "--quiet", self.root, to, cwd=self.root)
        found = Project(to)
        if share:
            folder = to / ".git/dver"
            folder.mkdir()
            (folder / "config.toml").write_text(f'[cache]\ndir = "{self.store}"\n')
        return found

    @property
    def store(self) -> Path:
        """The store's folder."""
        with self.opened() as repo:
            return repo.store.root

    def ls(self, path: str = "data") -> dict[bytes, Content]:
        """What there is at `path`."""
        return listing(self.root / path)

    def leftovers(self) -> list[str]:
        """Temporary names anywhere in the workspace or the store."""
        found = [str(path) for path in self.root.rglob(".dver-*") if ".git/objects" not in str(path)]
        return found + [str(path) for path in self.store.glob("tmp/*")]


@cache
def _template() -> TemporaryDirectory[str]:
    """A new Git repository with a project in it, which is made once and copied."""
    directory = TemporaryDirectory(prefix="dver-test-template-")
    root = make_git_repo(Path(directory.name, "repo"))
    init(root, hooks=False)  # verbs are tested without hooks
    git("commit", "--quiet", "-m", "Begin a project", cwd=root)
    return directory


def count_calls(patched: pytest.MonkeyPatch, owner: object, name: str, counted: dict[str, int], key: str) -> None:
    """Count the calls of `owner`'s function `name` under `key`."""
    real = getattr(owner, name)

    def call(*args: object, **options: object) -> object:
        counted[key] += 1
        return real(*args, **options)

    patched.setattr(owner, name, call)

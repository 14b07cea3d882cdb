"""The tools that are compared: the same work in the words of each."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from measure import run


@dataclass(frozen=True, slots=True)
class S3:
    """A bucket on a server; the key is in the environment."""

    endpoint_url: str
    bucket: str


@dataclass(frozen=True, slots=True)
class Tool:
    """One program, in one environment."""

    name: str
    program: tuple[str, ...]
    env: Mapping[str, str]

    def command(self, *arguments: str) -> list[str]:
        """The command line that gives the program `arguments`."""
        return [*self.program, *arguments]

    def call(self, repo: Path, *arguments: str) -> str:
        """Run it without measuring."""
        return run(self.command(*arguments), repo, self.env)

    def git(self, cwd: Path, *arguments: str) -> str:
        """Run Git without measuring."""
        return run(["git", *arguments], cwd, self.env)

    def new_repository(self, repo: Path, remote: Path | S3 | None = None) -> None:
        """A Git repository at `repo` in which the tool is set up, with a default remote, all of it committed."""
        repo.mkdir(parents=True)
        self.git(repo, "init", "-q", "-b", "main")
        self.call(repo, "init")
        if isinstance(remote, Path):
            remote.mkdir(parents=True)
            self.call(repo, "remote", "add", "-d", "there", os.fspath(remote))
        elif remote is not None:
            self.call(repo, "remote", "add", "-d", "there", f"s3://{remote.bucket}/{repo.name}")
            self.set_endpoint(repo, remote.endpoint_url)
        self.commit(repo)

    def set_endpoint(self, repo: Path, url: str) -> None:
        """Say where the S3 server of the remote is."""
        raise NotImplementedError

    def commit(self, repo: Path) -> None:
        """Commit everything that Git sees."""
        self.git(repo, "add", "--all")
        self.git(repo, "commit", "-q", "--allow-empty", "-m", "commit")

    # What is measured. Progress is switched off everywhere.

    def add(self, path: str) -> list[str]:
        return self.command("add", "-q", path)

    def status(self) -> list[str]:
        return self.command("status")

    def push(self) -> list[str]:
        return self.command("push", "-q")

    def checkout(self) -> list[str]:
        return self.command("checkout", "-q")

    def pull(self) -> list[str]:
        return self.command("pull", "-q")


class Dver(Tool):
    """The dver of this checkout, or the one that $DVER names."""

    def set_endpoint(self, repo: Path, url: str) -> None:
        self.call(repo, "remote", "set", "there", "endpoint_url", url)


class Dvc(Tool):
    """DVC, for comparison."""

    def set_endpoint(self, repo: Path, url: str) -> None:
        self.call(repo, "remote", "modify", "there", "endpointurl", url)

    def calm(self, folder: Path) -> None:
        """Switch off what would run beside the work: the look for updates, and analytics."""
        self.call(folder, "config", "--global", "core.check_update", "false")
        self.call(folder, "config", "--global", "core.analytics", "false")


def find(name: str) -> str | None:
    """The program called `name`: the one that the environment variable names, beside this Python, or on the PATH."""
    beside = Path(sys.executable).with_name(name)
    named = os.environ.get(name.upper())
    if named:
        return shutil.which(named)
    return os.fspath(beside) if beside.exists() else shutil.which(name)


def environment(home: Path) -> dict[str, str]:
    """An environment in which no setting of the user's counts, and everything that is cached lies below `home`."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "TMPDIR") if name in os.environ}
    person = {
        f"GIT_{role}_{field}": value
        for role in ("AUTHOR", "COMMITTER")
        for field, value in (("NAME", "Bench"), ("EMAIL", "bench@example.org"))
    }
    return {
        **kept,
        **person,
        "HOME": os.fspath(home),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "DVC_NO_ANALYTICS": "1",
        "DVC_SITE_CACHE_DIR": os.fspath(home / "dvc-site-cache"),
    }

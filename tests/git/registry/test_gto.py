"""gto and dver read the same state from the same tags: random histories, and repositories that gto made."""

from __future__ import annotations

import itertools
import random
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from gto.api import assign, deprecate, deregister, history, register, show, unassign
from gto.constants import VersionSort
from gto.registry import GitRegistry
from support import git, make_git_repo

from dver.git.git_repo import discover
from dver.git.registry.events import read_registry_tags
from dver.git.registry.state import RegisteredArtifact, registry_state

COMMITS: Final = 12
STAGES: Final = ("dev", "prod", "canary/eu", "pre-prod")
NAMES: Final = ("churn", "churn-2", "a/b/model", "x", "dir:faces", "team/models:churn", "a.b-c_d/e:best")

State = dict[str, tuple[str | None, dict[str, str], list[str], bool]]
"""Of each artifact: the latest version, the stages, the active versions, and whether it is deprecated."""


class History:
    """A random history of one artifact, as tags. It avoids what gto refuses to read (docs/format/registry.md)."""

    def __init__(self, name: str, chance: random.Random) -> None:
        self.name, self.chance = name.replace(":", "="), chance
        self.free = chance.sample(range(COMMITS), COMMITS)
        self.commit_of: dict[str, int] = {}
        self.registered: set[str] = set()
        self.assigned: set[str] = set()
        self.number = 0

    def events(self, count: int) -> Iterator[tuple[str, int]]:
        """Names of tags, each with the number of its commit."""
        for _ in range(count):
            yield from self.chance.choice([self._register, self._assign, self._assign, self._unassign, self._other])()

    def _register(self) -> Iterator[tuple[str, int]]:
        removed = sorted(self.commit_of.keys() - self.registered)
        if removed and self.chance.random() < 0.4:
            version = self.chance.choice(removed)
            self.registered.add(version)
            yield f"{self.name}@{version}#{self._next()}", self.commit_of[version]
        elif len(self.free) > 2:
            version = f"v{self.chance.randrange(3)}.{self.chance.randrange(12)}.{self.chance.randrange(3)}"
            version += self.chance.choice(["", "", "-rc.1", "-alpha", "+build.5"])
            if version not in self.commit_of:
                self.commit_of[version] = self.free.pop()
                self.registered.add(version)
                yield f"{self.name}@{version}", self.commit_of[version]

    def _assign(self) -> Iterator[tuple[str, int]]:
        if self.commit_of:
            version = self.chance.choice(sorted(self.commit_of))
            self.assigned.add(version)
            yield f"{self.name}#{self.chance.choice(STAGES)}#{self._next()}", self.commit_of[version]

    def _unassign(self) -> Iterator[tuple[str, int]]:
        if self.assigned:
            version = self.chance.choice(sorted(self.assigned))
            yield f"{self.name}#{self.chance.choice(STAGES)}!#{self._next()}", self.commit_of[version]

    def _other(self) -> Iterator[tuple[str, int]]:
        kind = self.chance.random()
        if kind < 0.3 and self.registered:
            version = self.chance.choice(sorted(self.registered))
            self.registered.remove(version)
            yield f"{self.name}@{version}!#{self._next()}", self.commit_of[version]
        elif kind < 0.4 and self.commit_of:
            yield f"{self.name}@deprecated#{self._next()}", self.commit_of[self.chance.choice(sorted(self.commit_of))]
        elif kind < 0.7 and self.free:  # a stage of a commit without a version
            yield f"{self.name}#{self.chance.choice(STAGES)}#{self._next()}", self.free.pop(0)

    def _next(self) -> int:
        self.number += 1
        return self.number


def fill(repo: Path, tags: list[tuple[str, int]]) -> None:
    """Make commits and annotated tags, one a second."""
    seconds = itertools.count(1_700_000_000)
    script = [
        f"commit refs/heads/history\nmark :{mark + 1}\ncommitter A <a@example.org> {next(seconds)} +0000\ndata 1\nx\n"
        for mark in range(COMMITS)
    ]
    script += [
        f"tag {name}\nfrom :{commit + 1}\ntagger A <a@example.org> {next(seconds)} +0000\ndata 4\ntext\n"
        for name, commit in tags
    ]
    subprocess.run(["git", "fast-import", "--quiet"], cwd=repo, input="".join(script).encode(), check=True)


def state_of_gto(repo: Path) -> State:
    found: State = {}
    with GitRegistry.from_url(str(repo)) as registry:
        for artifact in registry.get_artifacts().values():
            latest = artifact.get_latest_version(registered_only=True)
            stages = artifact.get_vstages(versions_per_stage=1, sort=VersionSort.Timestamp)
            found[artifact.artifact] = (
                latest.version if latest else None,
                {name: assigned[0].version for name, assigned in stages.items() if assigned},
                sorted(one.version for one in artifact.get_versions(active_only=True)),
                not artifact.is_active,
            )
    return found


def state_of_dver(repo: Path) -> State:
    return {
        name: (
            artifact.latest.version if artifact.latest else None,
            {stage: one.version for stage, one in artifact.stages.items()},
            _registered(artifact),
            artifact.deprecation is not None,
        )
        for name, artifact in registry_state(read_registry_tags(discover(repo)).events).items()
    }


def _registered(artifact: RegisteredArtifact) -> list[str]:
    return sorted(one.version for one in artifact.versions if one.is_active and one.registration is not None)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(6))
def test_random_histories_have_the_same_state(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    repo = make_git_repo(tmp_path / "repo")
    waiting = [list(History(name, chance).events(chance.randrange(1, 40))) for name in NAMES]
    waiting += [list(History(f"m{number}", chance).events(chance.randrange(1, 40))) for number in range(20)]
    tags: list[tuple[str, int]] = []
    while any(waiting):  # the histories take turns
        tags.append(chance.choice([one for one in waiting if one]).pop(0))
    fill(repo, tags)
    assert len(tags) > 100
    assert state_of_dver(repo) == state_of_gto(repo)


@pytest.mark.long
def test_a_repository_that_gto_made_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_COMMITTER_NAME", "Ann")  # gto does not read all settings of Git
    monkeypatch.setenv("GIT_COMMITTER_EMAIL", "ann@example.org")
    repo = make_git_repo(tmp_path / "repo")
    url = str(repo)
    register(url, "churn", "HEAD")
    next_second()
    assign(url, "churn", "prod", version="v0.0.1")
    git("commit", "-qm", "next", "--allow-empty", cwd=repo)
    next_second()
    register(url, "churn", "HEAD", bump_minor=True)
    register(url, "old", "HEAD")
    next_second()
    assign(url, "churn", "dev", version="v0.1.0")
    next_second()
    assign(url, "churn", "prod", version="v0.1.0")
    deregister(url, "old", version="v0.0.1")
    next_second()
    unassign(url, "churn", version="v0.1.0", stage="prod")
    deprecate(url, "old")
    assign(url, "team/models:faces", "prod", ref="HEAD")  # which registers a version
    for command in ("pack-refs --all", "gc --quiet"):
        found = state_of_dver(repo)
        assert found == state_of_gto(repo)
        assert found["churn"][:2] == ("v0.1.0", {"dev": "v0.1.0", "prod": "v0.0.1"})
        assert found["old"] == (None, {}, [], True)
        assert found["team/models:faces"][1] == {"prod": "v0.0.1"}
        for name in ("churn", "old"):
            assert events_of_dver(repo, name) == events_of_gto(url, name)
        git(*command.split(), cwd=repo)


def next_second() -> None:
    """gto sets the times of its tags itself, in whole seconds."""
    time.sleep(1.01 - time.time() % 1)


def events_of_gto(url: str, name: str) -> list[tuple[Any, ...]]:
    keys = ("event", "version", "stage", "commit", "message", "ref")
    return [(int(one["timestamp"].timestamp()), *(one[key] for key in keys)) for one in history(url, artifact=name)]


def events_of_dver(repo: Path, name: str) -> list[tuple[Any, ...]]:
    artifact = registry_state(read_registry_tags(discover(repo)).events)[name]
    return [
        (one.time, one.tag.action.value, version, one.tag.stage, one.commit, one.message, str(one.tag))
        for one, version in zip(reversed(artifact.events), reversed(artifact.versions_of_events), strict=True)
    ]


def test_gto_refuses_two_versions_on_one_commit_and_dver_reads_them(tmp_path: Path) -> None:
    repo = make_git_repo(tmp_path / "repo")
    fill(repo, [("churn@v1.0.0", 0), ("churn@v1.1.0", 0), ("churn#prod#1", 0), ("other@v1.0.0", 1)])
    with pytest.raises(Exception, match="versions"):
        show(str(repo))
    assert state_of_dver(repo)["churn"] == ("v1.1.0", {"prod": "v1.1.0"}, ["v1.0.0", "v1.1.0"], False)

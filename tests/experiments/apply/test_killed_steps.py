"""A step that is killed or fails at any change of the disk: undo brings everything back, and a repetition completes."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import pytest
from applying import (
    Node,
    Snapshot,
    Version,
    apply_commit,
    assert_is_commit,
    assert_same,
    commit_of,
    new_project,
    put,
    snapshot,
    undo_step,
)
from faults.inject import Mode, Notes, Site, arm
from faults.runner import forked
from workspaces import Project

from dver.core.errors import DverError, UsageError

TRIALS = int(os.environ.get("DVER_APPLY_TRIALS", "5"))
"""The number of sites for each kind of fault; 0 means all of them."""
BASE = Version({b"a": Node("-", b"a\n"), b"d/b": Node("x", b"b\n"), b"d/c": Node("-", b"c\n")}, 0)
WANTED = Version({b"a": Node("-", b"A\n"), b"d": Node("l", b"a"), b"new/file": Node("-", b"n\n")}, 1)


class Case:
    """A project with unsaved work of all kinds, and an experiment."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.project = new_project(folder / "template", BASE)
        self.commit = commit_of(self.project, WANTED)
        root = self.project.root
        put(root, b"a", Node("-", b"staged\n"))
        self.project.git("add", "a")
        put(root, b"a", Node("-", b"edited\n"))
        put(root, b"notes", Node("-", b"untracked\n"))
        put(root, b"big", Node("-", b"large " * 300_000))
        put(root, b"new", Node("-", b"in the way\n"))
        put(root, b"data/unsaved", Node("-", b"unsaved\n"))
        self.before = snapshot(self.project)

    def copy(self, name: str) -> Project:
        """A copy of the project."""
        place = self.folder / name
        subprocess.run(["cp", "-a", self.project.root, place], check=True)
        return Project(place)

    def faulty(self, project: Project, notes: Notes, mode: Mode, at: int, work: Callable[[], object]) -> int:
        """Do `work` in a fork with a fault; its exit code."""

        def run() -> int:
            arm(project.root, notes, mode, at)
            try:
                work()
            except DverError:
                return 1
            return 0

        return forked(run, project.root, scratch=self.folder).rc

    def sites(self, name: str, work: Callable[[Project], object], prepare: Callable[[Project], object]) -> list[Site]:
        """The sites to try."""
        project = self.copy(f"{name}-count")
        prepare(project)
        notes = Notes(self.folder / f"{name}.notes")
        assert self.faulty(project, notes, Mode.COUNT, 0, lambda: work(project)) == 0
        found = notes.read_sites()
        assert len(found) > 20
        step = max(1, len(found) // TRIALS) if TRIALS else 1
        return found[step // 2 :: step]


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return Case(tmp_path)


@contextmanager
def naming(site: Site) -> Iterator[None]:
    """Name the site of a fault in errors."""
    try:
        yield
    except BaseException as error:
        error.add_note(f"the fault was at {site}")
        raise


def _undo_or_nothing(project: Project, before: Snapshot) -> None:
    """Undo, if the step came so far that there is something to undo."""
    with suppress(UsageError):
        undo_step(project)
    assert_same(snapshot(project), before)


@pytest.mark.parametrize("mode", [Mode.KILL, Mode.ERROR, Mode.FULL])
def test_a_broken_apply_is_undone_or_completed(case: Case, mode: Mode) -> None:
    for site in case.sites("apply", lambda one: apply_commit(one, case.commit), lambda _: None):
        with naming(site):
            project = case.copy(f"{mode.value}-{site.number}")
            notes = Notes(case.folder / f"{mode.value}-{site.number}.notes")
            case.faulty(project, notes, mode, site.number, partial(apply_commit, project, case.commit))
            if site.number % 2:
                apply_commit(project, case.commit)
                assert_is_commit(project, case.commit, WANTED)
            _undo_or_nothing(project, case.before)


def test_a_killed_undo_is_completed_by_the_next_one(case: Case) -> None:
    def prepare(project: Project) -> None:
        apply_commit(project, case.commit)

    for site in case.sites("undo", undo_step, prepare):
        with naming(site):
            project = case.copy(f"undo-{site.number}")
            prepare(project)
            after = snapshot(project)
            notes = Notes(case.folder / f"undo-{site.number}.notes")
            case.faulty(project, notes, Mode.KILL, site.number, partial(undo_step, project))
            _undo_or_nothing(project, case.before)
            undo_step(project, redo=True)
            assert_same(snapshot(project), after)

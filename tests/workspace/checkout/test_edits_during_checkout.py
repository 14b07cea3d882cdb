"""Files that are edited or created while a checkout runs: none is replaced or removed."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from workspaces import Project, write

import dver.workspace.checkout.incremental
import dver.workspace.checkout.restore
from dver.core.files import explain
from dver.core.progress import SILENT
from dver.tracking.targets import tracked_in_worktree
from dver.workspace.checkout.incremental import update
from dver.workspace.checkout.restore import CheckoutSummary, CheckoutTarget
from dver.workspace.files.checkout_plan import KeepReason
from dver.workspace.files.content_writer import ContentWriter

OLD = {"data/same": b"same", "data/edited": b"old", "data/gone": b"old", "data/in/gone": b"old", "data/kind": b"old"}
NEW = {"data/same": b"same", "data/edited": b"new", "data/new": b"new", "data/sub/new": b"new", "data/kind/a": b"new"}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project whose workspace has OLD, whose pointer says NEW, and whose store has both."""
    project = Project.make(tmp_path / "repo")
    write(project.root, NEW)
    new = project.save("data")
    for name in NEW:
        (project.root / name).unlink()
    for folder in ("data/sub", "data/kind"):
        (project.root / folder).rmdir()
    write(project.root, OLD)
    project.save("data")
    project.git("checkout", "--quiet", new)
    return project


def _contents(project: Project) -> dict[str, bytes]:
    return {os.fsdecode(name): content for name, (kind, content) in project.ls().items() if kind != "directory"}


def _check_out(project: Project) -> CheckoutSummary:
    return project.checkout()


def _update(project: Project) -> CheckoutSummary:
    """What a hook of Git does."""
    with project.opened() as repo, repo.exclusive():
        return update(
            repo, [CheckoutTarget(path, one.entry) for path, one in tracked_in_worktree(repo).items()], progress=SILENT
        )


@pytest.fixture(params=[_check_out, _update])
def bring(request: pytest.FixtureRequest) -> Callable[[Project], CheckoutSummary]:
    found: Callable[[Project], CheckoutSummary] = request.param
    return found


@pytest.fixture
def after_the_scan(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """Has something done when the checkout is planned, and nothing is changed yet."""

    def install(act: Callable[[], object]) -> None:
        for module in (dver.workspace.checkout.restore, dver.workspace.checkout.incremental):
            whole = module.plan_checkout

            def plan(*args: Any, whole: Any = whole, **options: Any) -> Any:
                found = whole(*args, **options)
                act()
                return found

            monkeypatch.setattr(module, "plan_checkout", plan)

    return install


@pytest.fixture
def while_files_are_made(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """Has something done when the new files are made, and are not in their places yet."""

    def install(act: Callable[[], object]) -> None:
        whole = ContentWriter.files

        def files(*args: Any) -> Any:
            act()
            return whole(*args)

        monkeypatch.setattr(ContentWriter, "files", files)

    return install


def test_nothing_is_kept_where_nothing_was_edited(
    project: Project, bring: Callable[[Project], CheckoutSummary]
) -> None:
    assert bring(project).kept == ()
    assert _contents(project) == {name.removeprefix("data/"): content for name, content in NEW.items()}


@pytest.mark.parametrize("when", ["after_the_scan", "while_files_are_made"])
def test_a_file_that_is_edited_is_not_replaced(
    project: Project, bring: Callable[[Project], CheckoutSummary], request: pytest.FixtureRequest, when: str
) -> None:
    request.getfixturevalue(when)(lambda: (project.root / "data/edited").write_bytes(b"mine"))
    restored = bring(project)
    assert [(one.path, one.why) for one in restored.kept] == [(b"data/edited", KeepReason.EDITED)]
    assert restored.updated == 0
    assert _contents(project) == {name.removeprefix("data/"): content for name, content in NEW.items()} | {
        "edited": b"mine"
    }


@pytest.mark.parametrize("name", ["gone", "in/gone", "kind"])
def test_a_file_that_is_edited_is_not_removed(
    project: Project, bring: Callable[[Project], CheckoutSummary], after_the_scan: Any, name: str
) -> None:
    after_the_scan(lambda: (project.root / "data" / name).write_bytes(b"mine"))
    restored = bring(project)
    assert (b"data/" + name.encode(), KeepReason.EDITED) in [(one.path, one.why) for one in restored.kept]
    assert (project.root / "data" / name).read_bytes() == b"mine"
    assert (project.root / "data/edited").read_bytes() == b"new"


@pytest.mark.parametrize("name", ["new", "sub/mine", "kind/mine"])
@pytest.mark.parametrize("when", ["after_the_scan", "while_files_are_made"])
def test_a_file_that_is_created_where_something_new_should_be_stays(
    project: Project, bring: Callable[[Project], CheckoutSummary], request: pytest.FixtureRequest, when: str, name: str
) -> None:
    def create() -> None:
        path = project.root / "data" / name
        if path.parent.is_file():
            path.parent.unlink()
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"mine")

    request.getfixturevalue(when)(create)
    restored = bring(project)
    blocked = b"data/" + name.encode().removesuffix(b"/mine")
    assert (blocked, KeepReason.IN_THE_WAY) in [(one.path, one.why) for one in restored.kept]
    assert (project.root / "data" / name).read_bytes() == b"mine"
    assert (project.root / "data/edited").read_bytes() == b"new"
    assert project.leftovers() == []


def test_a_file_that_was_only_touched_is_replaced(project: Project, after_the_scan: Any) -> None:
    after_the_scan(lambda: os.utime(project.root / "data/edited"))
    assert project.checkout().kept == ()
    assert (project.root / "data/edited").read_bytes() == b"new"


def test_force_replaces_what_is_edited(project: Project, while_files_are_made: Any) -> None:
    while_files_are_made(lambda: (project.root / "data/edited").write_bytes(b"mine"))
    assert project.checkout(force=True).kept == ()
    assert (project.root / "data/edited").read_bytes() == b"new"


@pytest.mark.parametrize("call", ["link", "unlink", "rename"])
def test_a_directory_that_cannot_be_changed_is_named(
    project: Project, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    whole = getattr(os, call)

    def refuse(path: Any, *args: Any, **options: Any) -> Any:
        if os.fsencode(args[0] if args else path).startswith(os.fsencode(project.root / "data")):
            raise PermissionError(errno.EACCES, "Permission denied", path, None, *args[:1])
        return whole(path, *args, **options)

    monkeypatch.setattr(os, call, refuse)
    with pytest.raises(PermissionError) as caught:
        project.checkout()
    assert os.fsdecode(caught.value.filename) in {str(project.root / name) for name in ("data", "data/in")}
    assert "/stage/" not in explain(caught.value).what

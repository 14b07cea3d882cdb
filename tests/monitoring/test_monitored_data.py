"""Profiles of live data that histories name: kept by gc wherever Git keeps the history, pushed by command and hook."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from monitoring_projects import make_monitored, rows, run_monitor, write_rows
from workspaces import Project

from dver.core.oid import Oid
from dver.formats.monitor_history import contents_in
from dver.ops.git.pre_push import PrePushResult, pre_push
from dver.ops.maintain.gc import gc
from dver.ops.maintain.gc_remote import gc_remote
from dver.ops.share.push import push
from dver.ops.share.remote import add as add_remote
from dver.profile_cache.kept_objects import kept_for
from dver.profile_cache.profiles import known_profile

HISTORY = "dver.monitor/train.jsonl"
TORN = '{"version":1,"id":"half a li'
CONFLICT = "<<<<<<< HEAD\n{}=======\n>>>>>>> other\n"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Oid]:
    """A project with a remote, whose branch `live` has a history; the live data is gone."""
    project = make_monitored(tmp_path_factory.mktemp("made") / "project", count=200)
    with project.opened() as repo:
        add_remote(repo, "origin", "../remote", default=True)
    project.git("add", "-A")
    project.commit()
    project.git("checkout", "--quiet", "-b", "live")
    write_rows(project.root / "live.csv", rows(200, seed=2))
    data = run_monitor(project, "live.csv").history[0].data
    assert data is not None
    project.commit("Monitor")
    (project.root / "live.csv").unlink()
    return project.root, data


@pytest.fixture
def project(made: tuple[Path, Oid], tmp_path: Path) -> Project:
    """A copy of the project."""
    shutil.copytree(made[0], tmp_path / "project", symlinks=True)
    return Project(tmp_path / "project")


@pytest.fixture
def data(made: tuple[Path, Oid]) -> Oid:
    """The live data that the history names."""
    return made[1]


def has_profile(project: Project, data: Oid) -> bool:
    """Whether the store has the profile after two collections without a grace period."""
    with project.opened() as repo:
        for _ in range(2):
            gc(repo, grace=0)
        return known_profile(repo, data, b"live.csv") is not None


def pushed_by_hook(project: Project, ref: str = "HEAD") -> PrePushResult:
    line = f"{ref} {project.git('rev-parse', ref).strip()} refs/heads/main {'0' * 40}\n"
    return pre_push(project.root, None, line.encode())


def on_remote(project: Project, data: Oid) -> bool:
    with project.opened() as repo:
        kept = {one.item.oid for one in kept_for(repo, {data})}
        return bool(kept) and repo.remotes.catalog("origin").present(kept) == kept


# -- gc


@pytest.mark.parametrize("keeper", ["branch", "tag", "stash", "index", "reflog", "worktree"])
def test_gc_keeps_profiles_wherever_git_keeps_the_history(project: Project, data: Oid, keeper: str) -> None:
    match keeper:
        case "branch":
            project.git("checkout", "--quiet", "main")
        case "tag":
            project.git("tag", "v1")
            project.git("checkout", "--quiet", "main")
            project.git("branch", "-D", "live")
        case "reflog":
            project.git("checkout", "--quiet", "main")
            project.git("branch", "-D", "live")
        case "worktree":
            project.git("worktree", "add", "--quiet", "../other", "live~1", "--detach")
            shutil.copytree(project.root / "dver.monitor", project.root.parent / "other/dver.monitor")
            forget_history(project)
        case _:
            content = (project.root / HISTORY).read_bytes()
            forget_history(project)
            (project.root / "dver.monitor").mkdir()
            (project.root / HISTORY).write_bytes(content)
            project.git("add", HISTORY)
            if keeper == "stash":
                project.git("stash", "--quiet")
            else:
                (project.root / HISTORY).unlink()
    assert has_profile(project, data)


def forget_history(project: Project) -> None:
    """Leave the history in no commit that Git keeps."""
    project.git("checkout", "--quiet", "main")
    project.git("branch", "-D", "live")
    project.git("reflog", "expire", "--expire=now", "--all")
    (project.root / ".git/ORIG_HEAD").unlink(missing_ok=True)


def test_gc_removes_profiles_that_no_history_names(project: Project, data: Oid) -> None:
    forget_history(project)
    assert not has_profile(project, data)


def test_gc_keeps_profiles_that_another_clone_of_the_store_names(project: Project, data: Oid, tmp_path: Path) -> None:
    clone = project.clone(tmp_path / "clone")
    clone.git("checkout", "--quiet", "live")
    with clone.opened() as repo:
        repo.store.present(())
    forget_history(project)
    assert has_profile(project, data)


def test_gc_of_the_remote_keeps_profiles_of_other_branches(project: Project, data: Oid) -> None:
    project.git("checkout", "--quiet", "main")
    with project.opened() as repo:
        push(repo, cwd=project.root)
    assert pushed_by_hook(project, "live").profiles[0].profiles == 1
    with project.opened() as repo:
        assert gc_remote(repo, "origin", grace=0, offline=True).condemned_size == 0
    forget_history(project)
    with project.opened() as repo:
        assert gc_remote(repo, "origin", grace=0, offline=True).condemned_size > 0


@pytest.mark.parametrize("damage", [TORN, CONFLICT])
def test_gc_keeps_what_a_damaged_history_names(project: Project, data: Oid, damage: str) -> None:
    line = (project.root / HISTORY).read_text()
    forget_history(project)
    (project.root / "dver.monitor").mkdir()
    (project.root / HISTORY).write_text(CONFLICT.format(line) if damage == CONFLICT else line + damage)
    assert has_profile(project, data)
    project.git("add", HISTORY)
    project.commit("Damaged")
    (project.root / HISTORY).write_text("")
    assert has_profile(project, data)


def test_every_content_in_a_damaged_history_counts(data: Oid) -> None:
    text = f'{{"data":"{data}","x\n"reference_data": "{Oid.of(b"")}" blake3:12 {str(data)[:-1]}g'
    assert contents_in(text.encode()) == {data, Oid.of(b"")}


# -- push


def test_push_sends_the_data_and_warns_of_a_damaged_history(project: Project, data: Oid) -> None:
    (project.root / HISTORY).write_text(TORN)
    with project.opened() as repo:
        result = push(repo, cwd=project.root)
    assert result.profiles == 1
    (warning,) = result.damaged_histories
    assert warning.startswith(f"'{HISTORY}': line 1")
    assert warning.endswith(f"git restore {HISTORY}")
    assert not on_remote(project, data)
    project.git("checkout", "HEAD", "--", HISTORY)
    with project.opened() as repo:
        assert push(repo, cwd=project.root).damaged_histories == ()
    assert on_remote(project, data)


def test_the_hook_sends_the_profiles_of_the_pushed_histories(project: Project, data: Oid) -> None:
    project.git("checkout", "--quiet", "main")
    assert pushed_by_hook(project).profiles == ()
    assert not on_remote(project, data)
    (sent,) = pushed_by_hook(project, "live").profiles
    assert (sent.profiles, sent.remote, sent.damaged) == (1, "origin", ())
    assert on_remote(project, data)
    (again,) = pushed_by_hook(project, "live").profiles
    assert again.profiles == 0


def test_a_damaged_history_does_not_stop_the_hook(project: Project, data: Oid) -> None:
    good = (project.root / HISTORY).read_bytes()
    for content in (TORN.encode(), good + TORN.encode()):
        (project.root / HISTORY).write_bytes(content)
        project.git("commit", "--quiet", "-am", "Damaged")
    (sent,) = pushed_by_hook(project).profiles
    assert sent.profiles == 1
    (warning,) = sent.damaged
    assert HISTORY in warning
    (project.root / HISTORY).write_bytes(good)
    project.git("commit", "--quiet", "-am", "Repaired")
    assert pushed_by_hook(project).profiles[0].damaged == ()


def test_the_hook_needs_no_remote_for_a_history(project: Project) -> None:
    (project.root / ".dver/config.toml").write_text("")
    line = f"x {project.git('rev-parse', 'live').strip()} x {project.git('rev-parse', 'main').strip()}\n"
    (sent,) = pre_push(project.root, None, line.encode()).profiles
    assert (sent.profiles, sent.remote) == (0, "")

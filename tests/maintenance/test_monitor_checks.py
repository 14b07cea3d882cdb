"""What doctor and fsck say of monitors: histories that cannot be read or merged, and damaged profiles."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from monitoring_projects import make_monitored, rows, run_monitor, write_rows
from workspaces import Project

from dver.core.oid import Oid
from dver.formats import pack
from dver.maintenance.project_checks import Level
from dver.ops.maintain.doctor import doctor
from dver.ops.maintain.fsck import fsck
from dver.ops.maintain.fsck_remote import fsck_remote
from dver.ops.share.push import push
from dver.ops.share.remote import add as add_remote
from dver.profile_cache.kept_objects import all_kept
from dver.store.objects.packs import PackReader, parse_pack_file_name

HISTORY = "dver.monitor/train.jsonl"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project with a monitor."""
    made = make_monitored(tmp_path / "project", count=200)
    write_rows(made.root / "live.csv", rows(200, seed=2))
    run_monitor(made, "live.csv")
    made.commit("Monitor")
    return made


def findings(project: Project) -> list[tuple[Level, str, str | None]]:
    found = doctor(project.root, offline=True).findings
    return [(one.level, one.text, one.fix) for one in found if one.topic == "monitors"]


def test_a_good_history_is_counted(project: Project) -> None:
    assert findings(project) == [(Level.OK, "readable histories: 1", None)]


def test_without_monitors_nothing_is_said(tmp_path: Path) -> None:
    assert findings(Project.make(tmp_path / "plain")) == []


@pytest.mark.parametrize("damage", ["{", "<<<<<<< HEAD\n"])
def test_a_damaged_history_is_a_problem_with_a_fix(project: Project, damage: str) -> None:
    (project.root / HISTORY).write_text(damage)
    (level, text, fix), _ = findings(project)
    assert level is Level.PROBLEM
    assert HISTORY in text
    assert fix is not None


def test_histories_that_git_would_not_keep_or_merge_are_warnings(project: Project) -> None:
    project.git("rm", "--quiet", "-r", "--cached", "dver.monitor")
    (project.root / "dver.monitor/.gitattributes").unlink()
    found = findings(project)
    assert [(level, fix) for level, _, fix in found[1:]] == [
        (Level.WARNING, "git add dver.monitor"),
        (Level.WARNING, "write the line `*.jsonl merge=union` to dver.monitor/.gitattributes"),
    ]


def test_fsck_names_the_data_of_a_damaged_profile(project: Project, tmp_path: Path) -> None:
    with project.opened() as repo:
        add_remote(repo, "origin", os.fspath(tmp_path / "remote"), default=True)
        profiles = {one.item.oid: one.path for one in all_kept(repo)}
    with project.opened() as repo:
        push(repo, cwd=project.root)
        damage(repo.store.packs, set(profiles))
        damage(tmp_path / "remote", set(profiles))
        found = fsck(repo, cwd=project.root)
        remote = fsck_remote(repo, "origin", cwd=project.root)
    wanted = {oid: (f"profile of {path.decode()}",) for oid, path in profiles.items()}
    assert set(profiles.values()) == {b"train.csv", b"live.csv"}
    assert {one.oid: one.describes for one in found.bad} == wanted
    assert {one.oid: one.describes for one in remote.bad} == wanted


def damage(folder: Path, oids: set[Oid]) -> None:
    """Flip a bit in each frame of `oids`, in the packs below `folder`."""
    packs = [(path, name) for path in folder.rglob("*") if (name := parse_pack_file_name(path.name)) is not None]
    assert packs
    for path, name in packs:
        with PackReader(path) as reader:
            places = [row.offset + pack.FRAME_HEADER_SIZE for row in reader.rows(name) if row.oid in oids]
        content = bytearray(path.read_bytes())
        for place in places:
            content[place] ^= 1
        path.chmod(0o644)
        path.write_bytes(content)

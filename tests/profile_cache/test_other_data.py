"""Profiles of data of all kinds: outputs of stages, imports, chunked files, damaged profiles."""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path

import pytest
from workspaces import Project, write

import dver
from dver.core.oid import Oid
from dver.formats.profile import PROFILER
from dver.ops.maintain.fsck import fsck
from dver.profile_cache.kept_objects import kept_by_command
from dver.profile_cache.profiles import Found, profile_of
from dver.repo import Repository
from dver.store.objects.packs import PackReader, list_packs, pack_file_name

ROWS = {f"data/{at}.csv": b"a,b\n%d,x\n" % at for at in range(5)}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.make(tmp_path / "repo")


def profiled(project: Project, path: str = "data", rev: str | None = None) -> Found:
    with project.opened() as repo:
        return profile_of(repo, path, rev=rev)


def located(repo: Repository, oid: Oid) -> tuple[int, Path]:
    """The offset of an object in its pack, and the pack."""
    for name in list_packs(repo.store.packs):
        file = repo.store.packs / pack_file_name(name)
        with PackReader(file) as reader:
            for row in reader.rows(name):
                if row.oid == oid:
                    return row.offset, file
    raise AssertionError(oid)


def rows(found: Found) -> int:
    return sum(one.rows for one in found.profile.collections)


def test_the_output_of_a_stage_has_a_profile_also_without_the_workspace(project: Project) -> None:
    handle = dver.Project.find(project.root)
    handle.stage.add("make", f"{sys.executable} -c \"open('out.csv', 'w').write('a\\n1\\n2\\n')\"", outs=["out.csv"])
    handle.repro()
    made = profiled(project, "out.csv")
    (project.root / "out.csv").unlink()
    again = profiled(project, "out.csv")
    assert (rows(made), rows(again), again.scanned_files) == (2, 2, 0)


def test_a_chunked_file_of_an_earlier_version_is_read_from_the_store(project: Project) -> None:
    numbers = random.Random(1)
    content = b"a,b\n" + b"".join(b"%d,%f\n" % (at, numbers.random()) for at in range(150_000))
    write(project.root, {"big.csv": content})
    project.save("big.csv")
    project.git("tag", "v1")
    write(project.root, {"big.csv": b"a,b\n1,2\n"})
    project.save("big.csv")
    assert rows(profiled(project, "big.csv", rev="v1")) == 150_000
    assert list((project.root / ".git/dver").glob("scratch-*")) == []


def test_an_import_has_a_profile(project: Project, tmp_path: Path) -> None:
    write(tmp_path, {"elsewhere/a.csv": b"a\n1\n2\n3\n"})
    dver.Project.find(project.root).import_url(os.fspath(tmp_path / "elsewhere"), "copy")
    assert rows(profiled(project, "copy")) == 3


def test_a_damaged_profile_is_made_again_and_found_by_fsck(project: Project) -> None:
    write(project.root, ROWS)
    project.save("data")
    made = profiled(project)
    with project.opened() as repo:
        (kept,) = kept_by_command(repo, f"dver profile {PROFILER} directory")
        merged = next(one for one in repo.store.tree(kept.item.oid) if one.name == b"merged")
        place, file = located(repo, merged.oid)
    file.chmod(0o644)
    damaged = bytearray(file.read_bytes())
    damaged[place + 60] ^= 1
    file.write_bytes(damaged)
    again = profiled(project)
    assert (again.profile, again.scanned_files) == (made.profile, 0)
    with project.opened() as repo:
        assert fsck(repo, cwd=project.root, repair=True).bad
        assert profile_of(repo, "data").profile == made.profile
        assert not fsck(repo, cwd=project.root).bad

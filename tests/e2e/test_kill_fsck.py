"""`dver fsck --repair` killed at any moment: nothing good is gone, and the next one completes."""

from __future__ import annotations

import os
import random
import shutil
from contextlib import suppress
from pathlib import Path

import pytest
from killing import Killer, timed
from support import Run, git
from workspaces import Project, listing, write

from dver.core.errors import CorruptError
from dver.core.oid import Oid
from dver.formats import pack
from dver.store.objects.packs import PackReader, parse_pack_file_name

KILLS = 8
FILES = {f"data/{number:03}": random.Random(number).randbytes(3000) for number in range(60)}
LARGE = {"data/large": random.Random(-1).randbytes(5 << 20)}


@pytest.fixture
def project(tmp_path: Path, run: Run) -> Project:
    """A project whose data is pushed."""
    made = Project.make(tmp_path / "repo")
    write(made.root, {**FILES, **LARGE, ".git/dver/config.toml": b'[cache]\nlink = "copy"\n'})
    made.save("data")
    run("remote", "add", "-d", "origin", tmp_path / "remote", cwd=made.root)
    made.commit("Say where the data is")
    run("push", cwd=made.root)
    return made


def spoil(folder: Path, chance: random.Random) -> None:
    """Flip bits in some frames of every pack in `folder`, and cut one pack's footer off."""
    for path in sorted(folder.glob("*.pack")):
        name = parse_pack_file_name(path.name)
        assert name is not None
        with PackReader(path) as reader:
            rows = [row for row in reader.rows(name) if row.stored_size]
        content = bytearray(path.read_bytes())
        for row in chance.sample(rows, min(5, len(rows))):
            content[row.offset + pack.FRAME_HEADER_SIZE] ^= 1
        path.unlink()
        path.write_bytes(content[: -chance.choice((0, pack.TRAILER_SIZE)) or None])


def objects_of(place: Path) -> set[Oid]:
    """What lies in the packs of a store or remote."""
    found: set[Oid] = set()
    for path in sorted((place / "packs").glob("*.pack")):
        name = parse_pack_file_name(path.name)
        assert name is not None
        with suppress(CorruptError), PackReader(path) as reader:  # a killed repair may leave one that is withdrawn
            found |= {row.oid for row in reader.rows(name)}
    return found


@pytest.mark.parametrize("where", ["store", "remote"])
def test_a_repair_killed_at_any_moment_is_completed_by_the_next(
    project: Project, tmp_path: Path, run: Run, where: str
) -> None:
    place = project.store if where == "store" else tmp_path / "remote"
    arguments = ["fsck", "--repair", *(["--remote"] if where == "remote" else [])]
    good = tmp_path / "good"
    shutil.copytree(place, good)
    chance = random.Random(7)
    spoil(place / "packs", chance)
    killer = Killer(timed(*arguments, cwd=project.root))
    for _ in range(KILLS):
        shutil.rmtree(place)
        shutil.copytree(good, place)
        spoil(place / "packs", chance)
        killer.kill(arguments, project.root)
        run(*arguments, cwd=project.root)
        run(*arguments[:1], *arguments[2:], cwd=project.root)
        packs = {name: one for name, one in listing(place / "packs").items() if one[0] == "file"}
        if where == "store":
            assert packs == listing(good / "packs")
        assert objects_of(place) >= objects_of(good)
    assert killer.killed
    git("clone", "--quiet", project.root, tmp_path / "clone", cwd=tmp_path)
    run("pull", cwd=tmp_path / "clone")
    found = listing(tmp_path / "clone/data")
    assert {f"data/{os.fsdecode(name)}": one[1] for name, one in found.items()} == {**FILES, **LARGE}

"""Two clones of one project, set up, with their twins; and what is looked at in the end."""

from __future__ import annotations

import random
from pathlib import Path

from gitmodel.checkout import Checkout, files
from gitmodel.world import World
from support import git, make_git_repo


def begin(folder: Path, seed: int) -> World:
    """The project's first commit is pushed, the second clone has its data.

    Even seeds move pointers, odd ones have Git merge them with its default strategy. The first clone has hooks that
    download data, the second has to ask for it, and has a hook that adds it.
    """
    world = World(folder, random.Random(seed), moves=seed % 2 == 0)
    first = Checkout(make_git_repo(folder / "real/a"), make_git_repo(folder / "twin/a"), world.log)
    second = Checkout(folder / "real/b", folder / "twin/b", world.log, adds_itself=True, fetches=False)
    world.checkouts = [first, second]
    for one in world.checkouts:
        one.strategy = "recursive" if world.moves else "ort"
    _first_commit(folder, first)
    for place, top in zip(("real", "twin"), second.worktrees, strict=True):
        git("clone", "-q", folder / place / "hub.git", top, cwd=folder)
    _configure(second)
    second.dver("install")
    second.dver("config", "set", "--local", "hooks.pre_commit", "add")
    second.dver("pull")
    return world


def _first_commit(folder: Path, first: Checkout) -> None:
    _configure(first)
    first.dver("init")
    first.dver("install")
    first.dver("remote", "add", "-d", "store", str(folder / "remote"))
    first.dver("config", "set", "--local", "hooks.fetch", "true")
    (first.real / ".dverignore").write_text("*.skip\n")
    for name in ("data/keep", "data/1", "data/a/2", "model.bin"):
        first.write(name, b"\0" + name.encode())
    first.dver("add", "data", "model.bin")
    first.git("add", "-A")
    assert first.git("commit", "-q", "-m", "Data")
    for place, top in zip(("real", "twin"), first.worktrees, strict=True):
        git("init", "-q", "--bare", folder / place / "hub.git", cwd=top)
        git("remote", "add", "origin", folder / place / "hub.git", cwd=top)
    assert first.git("push", "-q", "origin", "main")


def _configure(checkout: Checkout) -> None:
    for top in checkout.worktrees:
        git("config", "merge.renames", "false", cwd=top)
        git("config", "advice.detachedHead", "false", cwd=top)
    with (checkout.twin / ".git/info/attributes").open("a") as file:
        file.write("* binary\n")
    with (checkout.twin / ".git/info/exclude").open("a") as file:
        file.write("*.skip\n")
    with (checkout.real / ".git/info/attributes").open("a") as file:
        file.write(".gitignore merge=union\n")  # as docs/git.md advises


def look_at_all(world: World) -> None:
    """Nothing is damaged or missing here, and whoever clones what was pushed gets the data of each branch."""
    for checkout in world.checkouts:
        checkout.dver("check", "available")
    world.checkouts[0].dver("fsck")
    clone = Checkout(world.folder / "real/clone", world.folder / "twin/clone", world.log)
    for place, top in zip(("real", "twin"), clone.worktrees, strict=True):
        git("clone", "-q", world.folder / place / "hub.git", top, cwd=world.folder)
    names = clone.says("for-each-ref", "--format=%(refname)", "refs/remotes/origin").split()
    assert names
    for name in names:
        assert clone.git("checkout", "-q", "--detach", name)
        clone.dver("pull")
        assert files(clone.real) == files(clone.twin), f"{name} is not what was pushed"

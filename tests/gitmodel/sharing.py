"""Steps between clones and worktrees, and those that Git takes while something is unsaved."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from gitmodel import history
from gitmodel.checkout import Checkout, files, run_git, write
from gitmodel.conflicts import finish
from gitmodel.world import FOLDERS, World, editable, wholes, write_unsaved
from support import git


def push(world: World, checkout: Checkout) -> None:
    """Push a branch; Git refuses what would lose commits, unless it is forced to."""
    if branch := checkout.branch():
        checkout.git("push", "-q", *(["--force"] if world.sometimes(0.2) else []), "origin", branch)


def push_more(world: World, checkout: Checkout) -> None:
    """Push tags, all branches, or a commit under another name; or delete a branch there."""
    names = checkout.says("for-each-ref", "--format=%(refname:lstrip=3)", "refs/remotes/origin").split()
    others = sorted(name for name in names if name.startswith("branch"))
    what = world.chance.choice(("tags", "all", "other", "delete"))
    if what == "delete":
        if others:
            checkout.git("push", "-q", "origin", "--delete", world.chance.choice(others))
    elif what == "other":
        checkout.git("push", "-q", "origin", f"HEAD:refs/heads/branch{world.number()}")
    else:
        checkout.git("push", "-q", "origin", f"--{what}")


def fetch(world: World, checkout: Checkout) -> None:
    """Learn of the other clone's branches, and perhaps have one here."""
    checkout.git("fetch", "-q", "--prune", "--tags")
    names = checkout.says("for-each-ref", "--format=%(refname:lstrip=3)", "refs/remotes/origin").split()
    if world.sometimes(0.5) and names:
        checkout.git("checkout", "-q", world.chance.choice(sorted(name for name in names if name != "HEAD")))


def pull(world: World, checkout: Checkout) -> None:
    """Pull the branch that is checked out, as a merge or a rebase."""
    branch = checkout.branch()
    if branch and checkout.has(f"origin/{branch}"):
        if world.sometimes(0.5):
            checkout.merging("pull", "-q", "--no-edit", "--no-rebase", "origin", branch)
            finish(world, checkout, "merge")
        else:
            checkout.git("fetch", "-q")
            history.rebase_on(world, checkout, f"origin/{branch}")


def worktree(world: World, checkout: Checkout) -> None:
    """Make another worktree, or take one away."""
    name = f"w{world.number()}"
    extra = [one for one in world.checkouts if one.real.name.startswith("w")]
    if extra and (len(extra) > 2 or world.sometimes(0.6)):
        gone = world.chance.choice(extra)
        world.checkouts.remove(gone)
        for top in gone.worktrees:
            git("worktree", "remove", "--force", top, cwd=top)
        return
    new = replace(checkout, real=world.folder / "real" / name, twin=world.folder / "twin" / name, unsaved={}, said="")
    for top, place in zip(checkout.worktrees, new.worktrees, strict=True):
        ended = run_git(("worktree", "add", "-q", "-b", name, str(place)), top)
        assert ended.returncode == 0, ended.stderr
        new.said += os.fsdecode(ended.stderr)
    world.checkouts.append(new)


# -- what nobody has saved


def unsaved(world: World, checkout: Checkout) -> None:
    """Change data without adding it, and have Git do something: it all stays. Then save it, or give it up."""
    _change(world, checkout)
    world.chance.choice(_MEANWHILE)(world, checkout)
    checkout.check()
    if _may_be_saved(checkout) and world.sometimes(0.5):
        _save(world, checkout)
    else:
        _give_up(checkout)


def unsaved_stash(world: World, checkout: Checkout) -> None:
    """Put work aside and take it up again, with changes beside it that were not added."""
    world.edit(checkout)
    world.add(checkout)
    checkout.git("add", "-A")
    if not checkout.git("diff", "--cached", "--quiet"):
        _change(world, checkout)
        for what in ((), ("pop", "-q")):
            assert checkout.git("stash", *what)
            checkout.check()
        if _may_be_saved(checkout) and world.sometimes(0.5):
            _save(world, checkout)
        else:
            _give_up(checkout)
            checkout.check()
            world.commit(checkout)


def _change(world: World, checkout: Checkout) -> None:
    found = files(checkout.twin)
    here = editable(found)
    places = [*world.chance.sample(here, min(2, len(here))), f"{world.chance.choice(FOLDERS)}/{world.number()}"]
    if whole := wholes(found):  # a file, or a new one in a directory
        path = world.chance.choice(whole)
        places.append(path if path in found else f"{path}/{world.number()}")
    if "model.bin" in found:
        places.append("model.bin")
    for path in world.chance.sample(places, world.chance.randrange(1, 3)):
        write_unsaved(checkout, path, world.content(200))
        checkout.log.append(f"    {checkout.real.name}: {path} changed, and not added")


_MEANWHILE: tuple[history.Step, ...] = (
    history.switch,
    history.switch,
    history.merge,
    history.rebase,
    history.cherry_pick,
    history.revert,
    history.reset,
    fetch,
    pull,
)


def _may_be_saved(checkout: Checkout) -> bool:
    """Directories that are moved and removed as a whole are never changed."""
    return all(path.startswith("data/") or path == "model.bin" for path in checkout.unsaved)


def _save(world: World, checkout: Checkout) -> None:
    for path, (content, _) in checkout.unsaved.items():
        write(checkout.twin / path, content)
        (checkout.twin / path).chmod((checkout.real / path).stat().st_mode)
    checkout.unsaved.clear()
    world.commit(checkout)


def _give_up(checkout: Checkout) -> None:
    checkout.dver("checkout", "--force")
    for path in checkout.unsaved:
        pointers = [checkout.real / f"{one}.dver" for one in (path, *Path(path).parents)]
        if not any(pointer.exists() for pointer in pointers):  # it is nobody's but the user's
            (checkout.real / path).unlink(missing_ok=True)
    checkout.unsaved.clear()

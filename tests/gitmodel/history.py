"""Steps that make and take over history."""

from __future__ import annotations

from collections.abc import Callable

from gitmodel.checkout import Checkout, files
from gitmodel.conflicts import decide, finish
from gitmodel.world import World, rename, wholes

Step = Callable[[World, Checkout], None]


def commit(world: World, checkout: Checkout) -> None:
    """Edit and commit."""
    world.edit(checkout)
    world.commit(checkout)


def amend(world: World, checkout: Checkout) -> None:
    """Change the last commit."""
    if checkout.has("HEAD~2") and not checkout.has("HEAD^2"):
        world.edit(checkout)
        world.commit(checkout, "--amend")


def new_branch(world: World, checkout: Checkout) -> None:
    """Begin a branch here."""
    assert checkout.git("checkout", "-q", "-b", f"branch{world.number()}")


def switch(world: World, checkout: Checkout) -> None:
    """Check out another branch, or a commit without one; Git refuses what another worktree has."""
    tags = checkout.says("tag").split()
    if tags and world.sometimes(0.2):
        checkout.git("checkout", "-q", world.chance.choice(tags))
    elif world.sometimes(0.2) and checkout.has("HEAD~3"):
        checkout.git("checkout", "-q", "--detach", "HEAD~2")
    else:
        checkout.git("checkout", "-q", world.branch(checkout))


def merge(world: World, checkout: Checkout) -> None:
    """Merge another branch."""
    checkout.merging("merge", "-q", "-m", f"Merge {world.number()}", world.branch(checkout, remote=True))
    finish(world, checkout, "merge")


def rebase(world: World, checkout: Checkout) -> None:
    """Rebase on another branch."""
    rebase_on(world, checkout, world.branch(checkout, remote=True))


def rebase_on(world: World, checkout: Checkout, branch: str) -> None:
    """Rebase on `branch`."""
    # Git takes commits for the same that differ in modes only, and pointers do not differ like that.
    checkout.merging("rebase", "-q", "--reapply-cherry-picks", branch)
    finish(world, checkout, "rebase")


def cherry_pick(world: World, checkout: Checkout) -> None:
    """Take over a commit from another branch."""
    _apply(world, checkout, "cherry-pick", f"{world.branch(checkout)}~{world.chance.randrange(3)}")


def revert(world: World, checkout: Checkout) -> None:
    """Take back a commit."""
    _apply(world, checkout, "revert", f"HEAD~{world.chance.randrange(3)}", "--no-edit")


def _apply(world: World, checkout: Checkout, verb: str, revision: str, *args: str) -> None:
    # No merges: which side is meant would have to be said; and not the first commit, which sets the project up.
    if checkout.has(f"{revision}~2") and not checkout.has(f"{revision}^2"):
        checkout.merging(verb, *args, revision)
        finish(world, checkout, verb)


def reset(world: World, checkout: Checkout) -> None:
    """Drop the last commits."""
    back = world.chance.choice((1, 1, 2))
    if checkout.has(f"HEAD~{back + 1}"):
        assert checkout.git("reset", "-q", "--hard", f"HEAD~{back}")


def stash(world: World, checkout: Checkout) -> None:
    """Put work aside, and take it up again, perhaps elsewhere."""
    world.edit(checkout, renames=False)  # a stash cannot be told the strategy by which it is merged
    world.add(checkout)
    checkout.git("add", "-A")
    if checkout.git("diff", "--cached", "--quiet"):
        return
    assert checkout.git("stash", "-q")
    checkout.check()
    if world.sometimes(0.5):
        checkout.git("checkout", "-q", world.branch(checkout))
        checkout.check()
    if not checkout.git("stash", "pop", "-q"):
        decide(world, checkout, "stash")
        checkout.git("stash", "drop", "-q")
    checkout.check()
    checkout.git("add", "-A")
    checkout.git("commit", "-q", "-m", f"Stashed {world.number()}")


def tag(world: World, checkout: Checkout) -> None:
    """Name a commit."""
    name = f"tag{world.number()}"
    checkout.git("tag", *(["-m", "Noted", name] if world.sometimes(0.5) else [name]))


# -- one side renames what the other changes


def rename_beside(world: World, checkout: Checkout) -> None:
    """Rename files on a branch while others change them here; the twin lets Git follow renames for once."""
    checkout.git("update-ref", "refs/begun", "HEAD")
    new = {f"data/once/{world.number()}": f"data/once/{folder}{world.number()}" for folder in ("", "x/", "new/")}
    for old in new:
        checkout.write(old, world.content(100))
    world.commit(checkout)
    branch = f"branch{world.number()}"
    assert checkout.git("checkout", "-q", "-b", branch)
    for old, place in new.items():
        rename(checkout, old, place)
    world.commit(checkout)
    assert checkout.git("checkout", "-q", "-")
    for old in list(new)[:2]:
        checkout.write(old, world.content(100))
    checkout.write(f"data/{world.number()}", world.content(100))
    world.commit(checkout)
    _take_over(world, checkout, branch, "false")


def move_beside(world: World, checkout: Checkout) -> None:
    """Move a directory on a branch while it is changed here: Git follows the pointer, and in the twin the directory."""
    checkout.git("update-ref", "refs/begun", "HEAD")
    old, new = (f"sets/{number}/{number}" for number in (world.number(), world.number()))
    for name in ("1", "2", "deep/3", "deep/4"):
        checkout.write(f"{old}/{name}", world.content(100))
    _commit_whole(world, checkout, old)
    branch = f"branch{world.number()}"
    assert checkout.git("checkout", "-q", "-b", branch)
    _move(checkout, old, new)
    assert checkout.git("checkout", "-q", "-")
    checkout.write(f"{old}/1", world.content(100))
    checkout.write(f"{old}/deep/5", world.content(100))
    _commit_whole(world, checkout, old)
    _take_over(world, checkout, branch, "true")


def _commit_whole(world: World, checkout: Checkout, path: str) -> None:
    checkout.dver("add", path)
    checkout.git("add", "-A")
    assert checkout.git("commit", "-q", "-m", f"Whole {world.number()}")


def _take_over(world: World, checkout: Checkout, branch: str, directories: str) -> None:
    """Merge, rebase or pick the branch that was begun here, of which nothing conflicts."""
    following = ("-c", "merge.renames=true", "-c", f"merge.directoryRenames={directories}")
    how = world.chance.choice((("merge", "-q", "-m", "Follow"), ("rebase", "-q"), ("cherry-pick",)))
    assert checkout.git(*following, *how, branch)
    checkout.check()
    # One commit stays of it, so that no other step meets the renames, which the twin would not follow there.
    assert checkout.git("branch", "-q", "-D", branch)
    assert checkout.git("reset", "-q", "--soft", "refs/begun")
    assert checkout.git("commit", "-q", "-m", f"Followed {world.number()}")


# -- tracking as a whole


def track(world: World, checkout: Checkout) -> None:
    """Begin to track a directory, or a file."""
    number = world.number()
    a_file = world.moves and world.sometimes(0.3)
    path = f"bin/{number}/{number}.bin" if a_file else f"sets/{number}/{number}"
    for name in [""] if a_file else ["/1", "/deep/2"]:
        checkout.write(path + name, world.content(100))
    _commit_whole(world, checkout, path)


def move(world: World, checkout: Checkout) -> None:
    """Move data with its pointer."""
    here = wholes(files(checkout.twin))
    if here and world.moves:
        old, number = world.chance.choice(here), world.number()
        _move(checkout, old, f"bin/{number}/{number}.bin" if old.endswith(".bin") else f"sets/{number}/{number}")


def _move(checkout: Checkout, old: str, new: str) -> None:
    for top in checkout.worktrees:
        (top / new).parent.mkdir(parents=True)
    checkout.dver("move", old, new)
    checkout.says("mv", old, new)
    assert checkout.git("commit", "-q", "-m", f"Move {old}")


def remove(world: World, checkout: Checkout) -> None:
    """Stop tracking data, and delete it."""
    here = wholes(files(checkout.twin))
    if here and world.moves:
        path = world.chance.choice(here)
        checkout.dver("remove", "--data", path)
        checkout.says("rm", "-q", "-r", path)
        assert checkout.git("commit", "-q", "-m", f"Remove {world.number()}")

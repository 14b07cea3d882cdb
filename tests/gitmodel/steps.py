"""All steps, by name: what is there twice is taken twice as often."""

from __future__ import annotations

from typing import Final

from gitmodel import history, sharing
from gitmodel.history import Step
from gitmodel.world import World

STEPS: Final[dict[str, Step]] = {
    "commit": history.commit,
    "commit more": history.commit,
    "commit even more": history.commit,
    "amend": history.amend,
    "branch": history.new_branch,
    "switch": history.switch,
    "switch again": history.switch,
    "merge": history.merge,
    "merge again": history.merge,
    "rebase": history.rebase,
    "cherry-pick": history.cherry_pick,
    "revert": history.revert,
    "reset": history.reset,
    "stash": history.stash,
    "tag": history.tag,
    "rename beside": history.rename_beside,
    "move beside": history.move_beside,
    "track": history.track,
    "move": history.move,
    "remove": history.remove,
    "push": sharing.push,
    "push again": sharing.push,
    "push more": sharing.push_more,
    "fetch": sharing.fetch,
    "pull": sharing.pull,
    "worktree": sharing.worktree,
    "unsaved": sharing.unsaved,
    "unsaved again": sharing.unsaved,
    "unsaved stash": sharing.unsaved_stash,
}


def step(world: World) -> None:
    """One step of a random checkout; then all are looked at."""
    checkout = world.chance.choice(world.checkouts)
    name = world.chance.choice(sorted(STEPS))
    world.steps += 1
    world.log.append(f"{world.steps}. {checkout.real.name}: {name}")
    STEPS[name](world, checkout)
    for one in world.checkouts:
        one.check()
    if checkout in world.checkouts:
        checkout.same_status()

"""What `fsck` answers, of the store and of a remote alike."""

from __future__ import annotations

from dataclasses import dataclass

from dver.core.oid import Oid
from dver.maintenance.affected_paths import AffectedPath, UnreadablePointer
from dver.store.repair.damage import Damage
from dver.store.trees.reachable import MissingObject


@dataclass(frozen=True, slots=True)
class BadObject:
    """An object that is damaged, and whom that hurts. `source` is where a good copy was found."""

    oid: Oid
    hurt: tuple[AffectedPath, ...] = ()
    source: str | None = None


@dataclass(frozen=True, slots=True)
class FsckResult:
    """What was looked at, what was found, and what became of it. `size` is in bytes of what was read."""

    where: str
    """"store", or the remote's name."""
    packs: int
    loose: int
    objects: int
    size: int
    damages: tuple[Damage, ...] = ()
    bad: tuple[BadObject, ...] = ()
    malformed: tuple[UnreadablePointer, ...] = ()
    incomplete: tuple[MissingObject, ...] = ()
    """Objects that are not here, and were perhaps never fetched: no damage."""
    strays: tuple[str, ...] = ()
    """Files that do not belong here, or that nothing lists: no damage."""
    repaired: bool = False
    """Was a repair carried out?"""
    recovered: tuple[BadObject, ...] = ()
    """Objects that were incomplete, and were found elsewhere on this machine."""
    taken_off: int = 0
    """On a remote: objects that are not listed any more, so that the next push sends them again."""
    warnings: tuple[str, ...] = ()
    """What could not be looked at, or asked for good copies, and why."""

    @property
    def lost(self) -> tuple[BadObject, ...]:
        """Damaged objects of which no good copy was found, or looked for."""
        return tuple(one for one in self.bad if one.source is None)

    @property
    def is_well(self) -> bool:
        """Is nothing damaged, or not any more?"""
        return not self.malformed and (not self.damages or (self.repaired and not self.lost))

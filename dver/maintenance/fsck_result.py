"""The result of `dver fsck`, for the store and for a remote."""

from __future__ import annotations

from dataclasses import dataclass

from dver.core.display import Displayed
from dver.core.oid import Oid
from dver.maintenance.affected_paths import AffectedPath, UnreadablePointer
from dver.store.repair.damage import Damage
from dver.store.trees.reachable import MissingObject


@dataclass(frozen=True, slots=True, repr=False)
class BadObject(Displayed):
    """A corrupt object, and the paths that need it. `source` has a good copy."""

    oid: Oid
    affected: tuple[AffectedPath, ...] = ()
    source: str | None = None
    describes: tuple[str, ...] = ()
    """What it is, or is a part of, such as `profile of data/train.csv`. It can be made again from the data."""


@dataclass(frozen=True, slots=True, repr=False)
class FsckResult(Displayed):
    """The numbers of checked objects, the damage, and the repairs. `size` is the number of bytes read."""

    where: str
    """"store", or the name of the remote."""
    packs: int
    loose: int
    objects: int
    size: int
    damages: tuple[Damage, ...] = ()
    bad: tuple[BadObject, ...] = ()
    unreadable: tuple[UnreadablePointer, ...] = ()
    missing: tuple[MissingObject, ...] = ()
    """Objects that are not in the store: never fetched, or removed."""
    stray_files: tuple[str, ...] = ()
    """Files that do not belong to the store, or that no index lists."""
    repaired: bool = False
    """Was a repair executed?"""
    recovered: tuple[BadObject, ...] = ()
    """Missing objects that were found elsewhere on this machine."""
    taken_off: int = 0
    """On a remote: objects that are no longer listed, so that the next push uploads them again."""
    warnings: tuple[str, ...] = ()
    """Parts of Git and remotes that could not be read, and why."""

    @property
    def lost(self) -> tuple[BadObject, ...]:
        """Corrupt objects without a known good copy."""
        return tuple(one for one in self.bad if one.source is None)

    @property
    def is_well(self) -> bool:
        """Is everything good, or repaired?"""
        return not self.unreadable and (not self.damages or (self.repaired and not self.lost))

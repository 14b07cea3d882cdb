"""The kinds of damage, the files of a store, and random samples of them."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from dver.core.files import is_temporary
from dver.core.oid import Oid
from dver.store.objects.packs import parse_pack_file_name
from dver.store.store import Store

WINDOW: Final = 4 << 20
"""Bytes of a pack that a sample takes or leaves as a whole: the frames that begin in them."""
_FOLDERS: Final = frozenset({"packs", "loose", "tmp", "trash", "clones", "runs"})


class DamagedPart(Enum):
    """The part of a store or remote that is corrupt."""

    FILE = "file"
    """The file cannot be read."""
    HEADER = "header"
    FOOTER = "footer"
    FRAME = "frame"
    TREE = "tree"
    """The bytes match the oid, but are not a valid tree."""
    RECIPE = "recipe"
    """Its chunks make another blob."""
    LOOSE = "loose blob"
    INDEX = "index"
    """On a remote: an index object."""
    PACK = "pack"
    """On a remote: a listed pack is missing, or has another size."""
    LISTING = "listing"
    """On a remote: an index describes a pack wrongly."""
    PROMISE = "promise"
    """On a remote: an index lists objects that need unlisted ones."""


@dataclass(frozen=True, slots=True)
class Damage:
    """One damage. `file` is a path relative to the store, or a key of a remote; `oid` is the affected object."""

    file: str
    part: DamagedPart
    why: str
    oid: Oid | None = None
    offset: int | None = None


@dataclass(frozen=True, slots=True)
class StoreReport:
    """The result of a check of the store. `size` is the number of bytes read."""

    packs: int
    loose: int
    objects: int
    size: int
    damages: tuple[Damage, ...]
    stranded: frozenset[Oid] = frozenset()
    """Good objects in packs with a corrupt footer, which cannot be located."""
    unsure: bool = False
    """May a corrupt pack have had objects that are unknown now?"""
    stray_files: tuple[str, ...] = ()
    """Files that do not belong to a store."""

    @property
    def bad(self) -> frozenset[Oid]:
        """Objects that cannot be read or trusted."""
        return self.stranded | {one.oid for one in self.damages if one.oid is not None}


class SampleUnit(NamedTuple):
    """A unit of a sample: a window of a pack, or a loose blob with `window` -1. `size` is in bytes."""

    oid: Oid
    window: int
    size: int


def sample(units: Sequence[SampleUnit], fraction: float, seed: int) -> Sequence[SampleUnit]:
    """A random `fraction` of `units` by bytes, in their order: at least one, if there are any."""
    if fraction >= 1:
        return units
    order = list(range(len(units)))
    random.Random(seed).shuffle(order)
    left = fraction * sum(one.size for one in units)
    chosen: list[int] = []
    for at in order:
        if left <= 0:
            break
        chosen.append(at)
        left -= units[at].size
    return [units[at] for at in sorted(chosen)]


def pack_units(packs: Iterable[tuple[Oid, int]]) -> Iterator[SampleUnit]:
    """The windows of `packs`, which are names and sizes."""
    for name, size in packs:
        for start in range(0, max(size, 1), WINDOW):
            yield SampleUnit(name, start // WINDOW, min(WINDOW, size - start))


def list_files(store: Store) -> tuple[list[tuple[Oid, int]], list[tuple[Oid, int]], list[str]]:
    """The packs and loose blobs with their sizes in bytes, and all other files, relative to the store."""
    packs, strays = _files(store.root, "packs", parse_pack_file_name)
    loose: list[tuple[Oid, int]] = []
    for folder in _names(store.loose.root):
        if len(folder) != 2 or not (store.loose.root / folder).is_dir():
            strays.append(f"loose/{folder}")
            continue
        found, others = _files(store.root, f"loose/{folder}", partial(_parse_loose, folder))
        loose += found
        strays += others
    strays += [name for name in _names(store.root) if name not in _FOLDERS]
    return packs, loose, sorted(strays)


def _parse_loose(folder: str, name: str) -> Oid | None:
    return Oid.from_hex(folder + name)


def _files(root: Path, folder: str, parse: Callable[[str], Oid | None]) -> tuple[list[tuple[Oid, int]], list[str]]:
    found, strays = [], []
    for name in _names(root / folder):
        oid = parse(name)
        if oid is None:
            strays.append(f"{folder}/{name}")
            continue
        with suppress(FileNotFoundError):
            found.append((oid, (root / folder / name).lstat().st_size))
    return found, strays


def _names(folder: Path) -> list[str]:
    """The names in `folder`, without temporary files."""
    try:
        return sorted(name for name in os.listdir(folder) if not is_temporary(os.fsencode(name)))
    except FileNotFoundError:
        return []

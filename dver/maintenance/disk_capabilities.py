"""The capabilities of the disks of the workspace and the store, found by trying."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dver.core.files import temporary_name
from dver.core.platform.blocks import reflink
from dver.store.objects.file_creation import ScratchDirectory, explaining_permissions
from dver.store.objects.loose import LinkMode

_COMPOSED: Final = "caf\u00e9"
_DECOMPOSED: Final = "cafe\u0301"


@dataclass(frozen=True, slots=True)
class DiskCapabilities:
    """The capabilities of two disks. `links` are the ways to share a file between the workspace and the store."""

    links: frozenset[LinkMode]
    case_sensitive: bool
    """Are `A` and `a` two files?"""
    keeps_names: bool
    """Does the disk keep the bytes of names, so that é and e + ´ are two files?"""


def probe_disk(workspace: Path, store: ScratchDirectory) -> DiskCapabilities:
    """Try links and names in two temporary directories. Raises OSError or DverError if a disk cannot be written."""
    ours, theirs = workspace / temporary_name("probe"), store / temporary_name("probe")
    try:
        ours.mkdir()
        with explaining_permissions(store.folder):
            store.within(store.folder, theirs.mkdir)
        source = theirs / "source"
        source.write_bytes(b"dver")
        links = frozenset(mode for mode in _TRIES if _can_link(mode, source, ours / mode.value))
        return DiskCapabilities(links, _is_case_sensitive(ours), _keeps_names(ours))
    finally:
        shutil.rmtree(ours, ignore_errors=True)
        shutil.rmtree(theirs, ignore_errors=True)


_TRIES: Final = (LinkMode.REFLINK, LinkMode.HARDLINK, LinkMode.SYMLINK)


def _can_link(mode: LinkMode, source: Path, target: Path) -> bool:
    try:
        if mode is LinkMode.HARDLINK:
            os.link(source, target)
        elif mode is LinkMode.SYMLINK:
            os.symlink(source, target)
        else:
            return _can_reflink(source, target)
        return target.read_bytes() == source.read_bytes()
    except OSError:
        return False


def _can_reflink(source: Path, target: Path) -> bool:
    with source.open("rb") as origin, target.open("xb") as copy:
        return reflink(origin.fileno(), copy.fileno(), target)


def _is_case_sensitive(folder: Path) -> bool:
    (folder / "Case").touch()
    return not (folder / "cASE").exists()


def _keeps_names(folder: Path) -> bool:
    (folder / _COMPOSED).touch()
    return _COMPOSED in os.listdir(folder) and not (folder / _DECOMPOSED).exists()

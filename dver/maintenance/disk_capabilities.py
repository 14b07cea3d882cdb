"""What the disks under the workspace and the store can do: tried out, not guessed from their types."""

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
    """`links`: how a file in the workspace can share its content with one in the store."""

    links: frozenset[LinkMode]
    case_sensitive: bool
    """Are `A` and `a` two files?"""
    keeps_names: bool
    """Does a name come back with the very bytes it was given, and are é and e + ´ two files?"""


def probe_disk(workspace: Path, store: ScratchDirectory) -> DiskCapabilities:
    """Try it out in two folders that are gone afterwards. Raises OSError or DverError where nothing can be written."""
    here, there = workspace / temporary_name("probe"), store / temporary_name("probe")
    try:
        here.mkdir()
        with explaining_permissions(store.folder):
            store.within(store.folder, there.mkdir)
        source = there / "source"
        source.write_bytes(b"dver")
        links = frozenset(mode for mode in _TRIES if _can_link(mode, source, here / mode.value))
        return DiskCapabilities(links, _is_case_sensitive(here), _keeps_names(here))
    finally:
        shutil.rmtree(here, ignore_errors=True)
        shutil.rmtree(there, ignore_errors=True)


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

"""Files to link to the store in another way, planned as replacements of a checkout."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress

from dver.formats.tree import Entry, Kind
from dver.repo import Repository
from dver.store.objects.loose import LinkMode
from dver.store.trees.compare import join
from dver.store.writer import LARGE, StoreWriter
from dver.workspace.files.checkout_plan import CheckoutPlan
from dver.workspace.scan.scanner import Snapshot


def plan_relink(repo: Repository, plan: CheckoutPlan, path: bytes, snapshot: Snapshot, *, every: bool) -> None:
    """Add to `plan` the files of `snapshot`, taken at `path`, whose links have to be replaced.

    These are links into a store other than the one in use, for example after a clone was moved. With `every`, also
    large files whose link differs from `cache.link`. Only files with content in the store are relinked.
    """
    foreign = {os.path.relpath(link.path, repo.layout.top) for link in snapshot.foreign}
    if not foreign and not every:
        return
    busy = {step[0] for step in (*plan.remove, *plan.replace)} | {kept.path for kept in plan.keep}
    chosen = [
        (at, entry)
        for at, entry in _large_files(snapshot, path)
        if at not in busy and (at in foreign or (every and _is_linked_otherwise(repo, at, entry)))
    ]
    present = repo.store.present(entry.oid for _, entry in chosen)
    plan.replace += [step for step in chosen if step[1].oid in present]


def keep_loose(repo: Repository, plan: CheckoutPlan) -> None:
    """Store the files that `plan` replaces as loose blobs, where `cache.link` links to them."""
    if not repo.link_mode.shares_file:
        return
    oids = {entry.oid for _, entry in plan.replace if entry.kind is Kind.FILE and entry.size > LARGE}
    with StoreWriter(repo.store) as writer:
        for oid in sorted(oids - repo.store.loose.present(oids)):
            writer.add_loose(oid, repo.store.stream(oid))


def _large_files(snapshot: Snapshot, path: bytes) -> Iterator[tuple[bytes, Entry]]:
    below = [(path, snapshot.root)]
    while below:
        at, entry = below.pop()
        if entry.kind is Kind.DIRECTORY:
            below += [(join(at, one.name), one) for one in snapshot.tree(entry.oid) or ()]
        elif entry.kind is Kind.FILE and entry.size > LARGE:
            yield at, entry


def _is_linked_otherwise(repo: Repository, path: bytes, entry: Entry) -> bool:
    mode = repo.link_mode
    status = os.lstat(repo.layout.absolute(path))
    if stat.S_ISLNK(status.st_mode):
        return mode is not LinkMode.SYMLINK
    is_hard_link = False
    with suppress(FileNotFoundError):
        is_hard_link = os.path.samestat(status, os.stat(repo.store.loose.path(entry.oid)))
    return is_hard_link is not (mode is LinkMode.HARDLINK) or mode is LinkMode.SYMLINK

"""Profiles as they are in the store."""

from __future__ import annotations

from contextlib import suppress

from dver.core.errors import CorruptError, MissingObjectError
from dver.core.oid import Oid
from dver.formats import profile as profile_format
from dver.formats.lock import LockedItem
from dver.formats.pack import ObjectKind
from dver.formats.profile import Profile
from dver.formats.tree import Entry, Kind
from dver.profile_cache.file_profiles import BLOCKS, FILES, MERGED
from dver.profile_cache.kept_objects import KeptObject, keep_directory, keep_object, kept_item, read_blob
from dver.profile_cache.privacy import has_values, private_columns, redacted
from dver.repo import Repository
from dver.store.trees.edit import directory_entry
from dver.store.writer import StoreWriter


def stored_profile(repo: Repository, made_by: str, content: Oid) -> Profile | None:
    """The profile of `content` that the command `made_by` made; None if it is missing in the store, or damaged."""
    item = kept_item(repo, made_by, content)
    return None if item is None else profile_in(repo, item)


def profile_in(repo: Repository, item: LockedItem) -> Profile | None:
    """The profile in the result `item` of an entry."""
    oid: Oid | None = item.oid
    if item.kind is ObjectKind.TREE:
        oid = next((one.oid for one in _parts(repo, item) if one.name == MERGED), None)
    return None if oid is None else profile_blob(repo, oid)


def profile_blob(repo: Repository, oid: Oid) -> Profile | None:
    """The profile in the blob `oid`; None if it is missing or damaged."""
    content = read_blob(repo, oid)
    with suppress(CorruptError):
        return profile_format.decode(content) if content is not None else None
    return None


def without_private_values(repo: Repository, kept: KeptObject) -> bool:
    """Replace a profile with values of private columns by one without them. Returns whether it had some."""
    private = private_columns(repo)
    if not private or not kept.command.startswith("dver profile "):
        return False
    profile = profile_in(repo, kept.item)
    if profile is None or not has_values(profile, private):
        return False
    kind = Kind.DIRECTORY if kept.item.kind is ObjectKind.TREE else Kind.FILE
    content = Entry(b"", kind, kept.content, kept.size, kept.files)
    if kept.item.kind is ObjectKind.BLOB:
        keep_object(repo, kept.command, content, _redacted(profile, private), path=kept.path)
        return True

    def write(writer: StoreWriter) -> list[Entry]:
        return [_rewritten(repo, writer, one, private) for one in _parts(repo, kept.item)]

    keep_directory(repo, kept.command, content, write, path=kept.path)
    return True


def _rewritten(repo: Repository, writer: StoreWriter, part: Entry, private: frozenset[str]) -> Entry:
    if part.name in (FILES, BLOCKS):
        below = [_rewritten(repo, writer, one, private) for one in repo.store.tree(part.oid)]
        return directory_entry(part.name, below, writer.add_tree)
    profile = profile_blob(repo, part.oid)  # measurements and groups are not profiles
    if profile is None:
        return part
    oid, size = writer.add_blob([_redacted(profile, private)])
    return part._replace(oid=oid, size=size)


def _redacted(profile: Profile, private: frozenset[str]) -> bytes:
    return profile_format.encode(redacted(profile, private))


def _parts(repo: Repository, item: LockedItem) -> list[Entry]:
    with suppress(MissingObjectError, CorruptError):
        return list(repo.store.tree(item.oid))
    return []

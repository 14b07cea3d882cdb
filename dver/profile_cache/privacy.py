"""Private columns: profiles have no values of them (docs/quality.md)."""

from __future__ import annotations

import hashlib
import json

from dver.formats.profile import ColumnProfile, Profile
from dver.repo import Repository


def private_columns(repo: Repository) -> frozenset[str]:
    """The names of columns whose values no profile may have: the setting `profile.private`."""
    return frozenset(repo.config.private_columns)


def privacy_digest(repo: Repository) -> str | None:
    """The SHA-256 of the names of private columns: kept results of checks that name it have no values of them.

    None without private columns.
    """
    names = sorted(private_columns(repo))
    return hashlib.sha256(json.dumps(names).encode()).hexdigest() if names else None


def fits(profile: Profile, private: frozenset[str]) -> bool:
    """Are exactly the columns called `private` without values?"""
    return not has_stale(profile, private) and not has_values(profile, private)


def has_values(profile: Profile, private: frozenset[str]) -> bool:
    """Are there values of a column called `private`?"""
    return any(column.name in private and not column.private for column in _columns(profile))


def has_stale(profile: Profile, private: frozenset[str]) -> bool:
    """Is a column without values that is not private now?"""
    return any(column.private and column.name not in private for column in _columns(profile))


def redacted(profile: Profile, private: frozenset[str]) -> Profile:
    """`profile` without the values of the columns called `private`, as if it had been made so."""
    if not has_values(profile, private):
        return profile
    from dver.profiles.merging import (
        redact,  # loads the sketches, which a profile without private columns does not need
    )

    return redact(profile, private)


def _columns(profile: Profile) -> list[ColumnProfile]:
    return [column for collection in profile.collections for column in collection.columns]

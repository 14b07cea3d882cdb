"""The collections of live data and reference that can be compared."""

from __future__ import annotations

from dataclasses import dataclass, replace

from dver.core.phrasing import join_limited
from dver.formats.profile import Profile


@dataclass(frozen=True, slots=True)
class CommonCollections:
    """Profiles of both sides, and notes about what is in neither of them."""

    reference: Profile
    live: Profile
    notes: tuple[str, ...] = ()


def common_collections(reference: Profile, live: Profile) -> CommonCollections:
    """Both profiles; but if one side is a table, only the table of the other one, which may be beside texts.

    So it is for images, recordings and texts: if one side has one collection, the only one of its kind is compared.
    """
    left, without_live = _only_of_kind(reference, live)
    right, without_reference = _only_of_kind(live, reference)
    notes = [f"not in the live data: {without_live}"] if without_live else []
    notes += [f"not in the reference: {without_reference}"] if without_reference else []
    return CommonCollections(left, right, tuple(notes))


def _only_of_kind(profile: Profile, other: Profile) -> tuple[Profile, str]:
    """The profile, as far as it can be compared with one collection; and the names of the others."""
    if profile.table is not None or other.table is None:
        return profile, ""
    found = [one for one in profile.collections if one.kind is other.table.kind]
    if len(found) != 1:
        return profile, ""
    names = [one.name for one in profile.collections if one is not found[0]]
    return replace(profile, collections=tuple(found)), join_limited(names, 5)

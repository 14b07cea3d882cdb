"""Semantic versions, compared with the package `semver`."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from semver import Version

from dver.formats.semantic_version import SemanticVersion, VersionPart

_NUMBERS = st.integers(0, 12).map(str)
_WORDS = st.from_regex(r"[a-z0-9-]*[a-z-][a-z0-9-]*", fullmatch=True).filter(lambda text: len(text) < 5)
_PRERELEASES = st.lists(st.one_of(_NUMBERS, _WORDS), max_size=3).map(".".join)


@st.composite
def versions(draw: st.DrawFn) -> str:
    numbers = ".".join(draw(st.tuples(_NUMBERS, _NUMBERS, _NUMBERS)))
    prerelease = draw(_PRERELEASES)
    return f"v{numbers}-{prerelease}" if prerelease else f"v{numbers}"


@given(versions(), versions())
def test_versions_are_ordered_as_semver_orders_them(one: str, other: str) -> None:
    first, second = SemanticVersion.parse(one), SemanticVersion.parse(other)
    assert first is not None
    assert second is not None
    expected = Version.parse(one[1:]).compare(other[1:])
    assert (first.precedence > second.precedence) - (first.precedence < second.precedence) == expected


@given(versions())
def test_the_next_version_is_that_of_semver(text: str) -> None:
    version, oracle = SemanticVersion.parse(text), Version.parse(text[1:])
    assert version is not None
    assert str(version) == text
    assert str(version.next(VersionPart.MAJOR)) == f"v{oracle.bump_major()}"
    assert str(version.next(VersionPart.MINOR)) == f"v{oracle.bump_minor()}"
    assert str(version.next()) == f"v{oracle.bump_patch()}"


@pytest.mark.parametrize("text", ["", "v1", "v1.2", "v01.2.3", "v1.2.3-", "v1.2.3-01", "v1.2.3+", "w1.2.3", "v1.2.3\n"])
def test_other_texts_are_no_versions(text: str) -> None:
    assert SemanticVersion.parse(text) is None

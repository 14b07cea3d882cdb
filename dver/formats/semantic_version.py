"""Semantic versions with a leading `v`, such as `v1.2.3` and `v2.0.0-rc.1` (https://semver.org, version 2.0.0)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import Final

_IDENTIFIER: Final = r"(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)"
PATTERN: Final = (
    r"(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)"
    rf"(?:-{_IDENTIFIER}(?:\.{_IDENTIFIER})*)?"
    r"(?:\+[0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*)?"
)
"""A regular expression for a version without its `v`."""
_VERSION: Final = re.compile(rf"v?({PATTERN})", re.ASCII)

_PrereleaseKey = tuple[tuple[int, int, str], ...]


class VersionPart(Enum):
    """The part of a version to raise."""

    MAJOR = "major"
    MINOR = "minor"
    PATCH = "patch"


@dataclass(frozen=True, slots=True)
class SemanticVersion:
    """A version. Compare by `precedence`; `str` writes it with its `v`."""

    major: int
    minor: int
    patch: int
    prerelease: str = ""
    build: str = ""

    @classmethod
    def parse(cls, text: str) -> SemanticVersion | None:
        """The version that `text` names, with or without `v`; None for any other text."""
        found = _VERSION.fullmatch(text)
        if found is None:
            return None
        rest, _, build = found[1].partition("+")
        numbers, _, prerelease = rest.partition("-")
        major, minor, patch = map(int, numbers.split("."))
        return cls(major, minor, patch, prerelease, build)

    def __str__(self) -> str:
        prerelease = f"-{self.prerelease}" if self.prerelease else ""
        return f"v{self.major}.{self.minor}.{self.patch}{prerelease}{f'+{self.build}' if self.build else ''}"

    @property
    def precedence(self) -> tuple[int, int, int, bool, _PrereleaseKey]:
        """A key that sorts versions: a prerelease comes before its release, and build metadata does not count."""
        return self.major, self.minor, self.patch, not self.prerelease, _prerelease_key(self.prerelease)

    def next(self, part: VersionPart = VersionPart.PATCH) -> SemanticVersion:
        """The next version, as GTO and the package `semver` count: after `v1.0.0-rc.1`, the next patch is `v1.0.1`."""
        match part:
            case VersionPart.MAJOR:
                return SemanticVersion(self.major + 1, 0, 0)
            case VersionPart.MINOR:
                return SemanticVersion(self.major, self.minor + 1, 0)
            case VersionPart.PATCH:
                return SemanticVersion(self.major, self.minor, self.patch + 1)


FIRST_VERSION: Final = SemanticVersion(0, 0, 1)
"""The first version of an artifact, as GTO chooses it."""


def _prerelease_key(text: str) -> _PrereleaseKey:
    """Numbers come before words, and are compared as numbers."""
    parts = text.split(".") if text else ()
    return tuple((0, int(one), "") if one.isdigit() else (1, 0, one) for one in parts)

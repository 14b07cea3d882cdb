"""The version that a registration gives to an artifact, from the words of the user. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from dver.core.errors import UsageError
from dver.formats.semantic_version import SemanticVersion, VersionPart
from dver.models.planned_tags import split_name


@dataclass(frozen=True, slots=True)
class VersionChoice:
    """The version to give; without `version` the next one, with `part` raised."""

    version: SemanticVersion | None = None
    part: VersionPart | None = None

    @property
    def is_given(self) -> bool:
        return self.version is not None or self.part is not None


NEXT = VersionChoice()


def version_choice(name: str | None, version: str | None, part: str | None) -> tuple[str | None, VersionChoice]:
    """The artifact and the version of `churn v1.0.0`, `churn@v1.0.0` or `churn --bump minor`. Raises UsageError."""
    artifact, named = (None, version) if name is None else split_name(name, version)
    text = named.removeprefix("@") if named is not None else None
    semantic = SemanticVersion.parse(text) if text is not None else None
    if text is not None and semantic is None:
        raise UsageError(
            f"invalid version {text!r}", why="it is not semantic", fix="write it as v1.2.3, or leave it out"
        )
    if semantic is not None and part is not None:
        raise UsageError(f"the version {semantic} and --bump {part} exclude each other", fix="leave one of them out")
    return artifact, VersionChoice(semantic, _part(part))


def _part(text: str | None) -> VersionPart | None:
    try:
        return VersionPart(text) if text is not None else None
    except ValueError:
        raise UsageError(f"invalid part {text!r}", fix="use major, minor or patch") from None

"""What the evaluation of a suite may need beside the profile."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from dver.formats.profile import Profile


@dataclass(frozen=True, slots=True)
class DataFile:
    """A file of the data on this disk."""

    path: Path
    name: str
    """Relative to the data, with the suffix that decides about its format; for a file its own name."""


class DataAccess(Protocol):
    """Gives the evaluation files, and other profiles. Each is asked for only if a rule needs it."""

    @property
    def plugins_allowed(self) -> bool:
        """May code of the project run? See `checks.plugins`."""

    def tables(self, collection: str) -> AbstractContextManager[Sequence[DataFile]]:
        """The tables of a collection. Raises MissingObjectError if their content is not here."""

    def scratch(self) -> AbstractContextManager[Path]:
        """An empty directory for spilled rows."""

    def previous(self) -> Profile | None:
        """The profile of the previous version: of HEAD, or of the parent of a committed revision. None without one.

        Raises MissingObjectError if neither the profile nor the data is here.
        """

    def reference(self, against: str) -> Profile:
        """The profile of the data at a revision, or of `model NAME#STAGE`. Raises UsageError and MissingObjectError."""

    def directory(self) -> Path:
        """The directory of the suite's source."""

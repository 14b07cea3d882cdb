"""Errors of profiles."""

from __future__ import annotations

from dver.core.errors import MissingObjectError
from dver.core.phrasing import quoted
from dver.repo import Repository


class NoProfileError(MissingObjectError):
    """Neither the profile nor the data is in the store."""

    @classmethod
    def of(cls, repo: Repository, path: bytes, rev: str | None) -> NoProfileError:
        """The error for the data at `path`."""
        shown = repo.layout.shown(path)
        at = f" --rev {quoted(rev)}" if rev else ""
        return cls(
            f"no profile of {shown!r}" + (f" at {rev}" if rev else ""),
            why="neither its profile nor its data is in the store",
            fix=f"dver fetch --profiles{at} {quoted(shown)}; or, to profile the data: dver fetch{at} {quoted(shown)}",
        )

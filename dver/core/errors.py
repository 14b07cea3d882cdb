"""The errors that users see.

Each error says what went wrong (`what`), why (`why`), and which command or change fixes it (`fix`), in one line each.
The class decides the exit code. `dver.cli` turns an error into text in one place.
"""

from __future__ import annotations

from typing import ClassVar, Self


class DverError(Exception):
    """An error that the user can understand and fix. Any other exception that escapes is a bug in dver."""

    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, *, why: str | None = None, fix: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.fix = fix
        for label, text in (("why", why), ("fix", fix)):
            if text is not None:
                self.add_note(f"{label}: {text}")  # Python's tracebacks show it, and those of notebooks


class UsageError(DverError):
    """Invalid arguments: unknown path, unknown revision, contradicting options."""

    exit_code = 2


class RepositoryError(DverError):
    """No Git repository, no dver project, or an invalid configuration."""

    exit_code = 3


class ConflictError(DverError):
    """The command would overwrite or delete unsaved work, or conflicts with tracked data."""

    exit_code = 4


class MissingObjectError(DverError):
    """A required object is missing from the store, and from the remote if that was asked."""

    exit_code = 5


class CorruptError(DverError):
    """Bytes do not match their hash, or no version of dver wrote them."""

    exit_code = 6


class NewerVersionError(CorruptError):
    """Data of a newer version of dver. It is not corrupt."""

    def __init__(self, what: str, *, why: str | None = None, fix: str | None = "upgrade dver") -> None:
        super().__init__(what, why=why, fix=fix)

    @classmethod
    def of_format(cls, what: str, version: int, known: int) -> Self:
        """The error for `what`, whose format `version` is newer than the `known` one."""
        return cls(f"{what} of format version {version}", why=f"this dver reads up to {known}")


class RemoteError(DverError):
    """The remote cannot be reached, refuses a request, or breaks off."""

    exit_code = 7


class LocalIOError(DverError):
    """This machine's disk is full, read-only, or out of open files."""

    exit_code = 8


class PipelineError(DverError):
    """A pipeline is invalid: a mistake in `dver.yaml`, or stages that contradict each other."""

    exit_code = 9


class StageError(DverError):
    """A stage failed, or did not complete its work."""

    exit_code = 10

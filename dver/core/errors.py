"""The family of errors that users meet.

Each error answers three questions, one line each: what went wrong (`what`), why (`why`), and which command or
change mends it (`fix`). The class decides the exit code; `dver.cli` turns an error into text in one place.
"""

from __future__ import annotations

from typing import ClassVar


class DverError(Exception):
    """Something the user can understand and mend. Anything else that escapes is a bug of ours."""

    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, *, why: str | None = None, fix: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.fix = fix


class UsageError(DverError):
    """The arguments make no sense: unknown path, unknown revision, contradicting options."""

    exit_code = 2


class RepositoryError(DverError):
    """No Git repository, no dver project, or a configuration that cannot be used."""

    exit_code = 3


class ConflictError(DverError):
    """Going on would overwrite or delete work that is saved nowhere, or clash with what is tracked already."""

    exit_code = 4


class MissingObjectError(DverError):
    """An object that is needed is neither in the store nor, where that was asked, on the remote."""

    exit_code = 5


class CorruptError(DverError):
    """Bytes that do not match their hash, or that no version of dver wrote."""

    exit_code = 6


class RemoteError(DverError):
    """The remote cannot be reached, refuses, or breaks off."""

    exit_code = 7


class LocalIOError(DverError):
    """This machine's disk is full, read-only, or out of open files."""

    exit_code = 8


class PipelineError(DverError):
    """A pipeline that cannot be used: a `dver.yaml` with a mistake, stages that contradict each other."""

    exit_code = 9


class StageError(DverError):
    """A stage failed, or left something undone."""

    exit_code = 10

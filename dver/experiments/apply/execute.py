"""Changing the workspace by a plan. Files that were edited since the plan stay."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from typing import Final

from dver.core.progress import Progress
from dver.experiments.apply.plan import FilePlan, parents
from dver.experiments.apply.record import UndoRecord
from dver.experiments.apply.saved_files import SavedContent, SavedFiles, set_time, signature
from dver.experiments.apply.view import is_below_link, status_of
from dver.experiments.apply.workspace_data import DataChange, check_out_data
from dver.git.scratch_index import ScratchIndex
from dver.repo import Repository
from dver.workspace.checkout.restore import CheckoutSummary, joined

_STAYS: Final = (errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT, errno.ENOTDIR)
"""Errors for a directory with files that were kept or made since. What the target has there is kept out, too."""


class Execution:
    """The execution of a plan, to be called in the order of its methods."""

    def __init__(
        self,
        repo: Repository,
        plan: FilePlan,
        saved: SavedFiles,
        data: Sequence[DataChange],
        progress: Progress,
    ) -> None:
        self._repo = repo
        self._plan = plan
        self._saved = saved
        self._data = data
        self._progress = progress
        self._done: list[CheckoutSummary] = []
        self.kept: dict[bytes, None] = {}
        """Files that were edited since the plan, and stay."""

    def remove_data(self) -> None:
        """Remove data that the target does not have. Git may have files at its path next."""
        gone = [one for one in self._data if one.target is None]
        if gone:
            self._done.append(check_out_data(self._repo, gone, self._progress))

    def clear(self) -> None:
        """Delete the files to overwrite or to remove, and directories in the way."""
        for path in self._plan.clear:
            full = self._repo.layout.absolute(path)
            known = self._saved.signatures.get(path)
            found = signature(full)
            if found is None:
                continue
            if found == known and not is_below_link(self._repo.layout.top, path):
                os.unlink(full)
            else:
                self.kept[path] = None
        for path in self._plan.clear_directories:
            try:
                os.rmdir(self._repo.layout.absolute(path))
            except OSError as error:
                if error.errno not in _STAYS:
                    raise

    def write(self, scratch: ScratchIndex) -> None:
        """Write the files of the target from Git's index `scratch`."""
        scratch.check_out(self._free(self._plan.write))
        for path in self._plan.new_submodules:
            full = self._repo.layout.absolute(path)
            if status_of(full) is None and not is_below_link(self._repo.layout.top, path):
                os.makedirs(full)

    def restore(self, content: SavedContent, record: UndoRecord) -> None:
        """Write files from a record."""
        for path in self._free(self._plan.restore):
            full = self._repo.layout.absolute(path)
            os.makedirs(os.path.dirname(full), exist_ok=True)
            content.write(full, record.files[path])

    def check_out_data(self) -> CheckoutSummary:
        """Check out the data of the target."""
        rest = [one for one in self._data if one.target is not None]
        if rest:
            self._done.append(check_out_data(self._repo, rest, self._progress))
        return joined(self._done)

    def tidy(self, emptied: Iterable[bytes], *, keep: Collection[bytes]) -> None:
        """Remove directories that are empty by now, except those to `keep`."""
        places = {*emptied, *(above for path in self._plan.clear for above in parents(path))}
        for path in sorted(places, key=lambda one: one.count(b"/"), reverse=True):
            full = self._repo.layout.absolute(path)
            if path not in keep and not self._is_current(full) and not is_below_link(self._repo.layout.top, path):
                with suppress(OSError):  # not empty, not a directory, or gone
                    os.rmdir(full)

    def set_attributes(self, record: UndoRecord, touched: Iterable[bytes]) -> None:
        """Make the missing directories of a record, and set modes of directories and times of `touched` files."""
        top = self._repo.layout.top
        for path, mode in sorted(record.directories.items()):
            full = self._repo.layout.absolute(path)
            if is_below_link(top, path):
                continue
            status = status_of(full)
            if status is None:
                os.makedirs(full)
            if status is None or (stat.S_ISDIR(status.st_mode) and stat.S_IMODE(status.st_mode) != mode):
                os.chmod(full, mode)
        for path in touched:
            set_time(self._repo.layout.absolute(path), record.files[path])

    def _free(self, paths: Iterable[bytes]) -> list[bytes]:
        """Those of `paths` where nothing is. The others are kept."""
        free = []
        for path in paths:
            if status_of(self._repo.layout.absolute(path)) is not None or is_below_link(self._repo.layout.top, path):
                self.kept[path] = None
            else:
                free.append(path)
        return free

    def _is_current(self, full: bytes) -> bool:
        """Whether the user's current directory is the directory `full`, or below it."""
        cwd = os.fsencode(self._repo.layout.cwd or self._repo.root)
        return cwd == full or cwd.startswith(full + b"/")

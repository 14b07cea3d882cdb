"""The section "Maintain" of the Python API, and its group of methods for gc."""

from __future__ import annotations

import os
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from dver.api.handle import ProjectHandle, RemoteSelection, StrPath, remote_name, text_of
from dver.api.progress import ProgressCallback, progress_for
from dver.core.errors import UsageError

if TYPE_CHECKING:
    from dver.maintenance.fsck_result import FsckResult
    from dver.maintenance.project_checks import Diagnosis
    from dver.ops.maintain.cache import CacheContents
    from dver.ops.maintain.gc import GcReport, RestoreReport
    from dver.ops.maintain.gc_remote import RemoteGcReport


class MaintainMethods(ProjectHandle):
    """Methods that check and clean up data."""

    __slots__ = ()

    @property
    def gc(self) -> GcMethods:
        """Remove unreferenced data: call it, or use its methods, such as `project.gc.restore`."""
        return GcMethods(self.root, self.cwd)

    def fsck(
        self,
        *,
        remote: RemoteSelection = False,
        sample: float = 1.0,
        seed: int | None = None,
        repair: bool = False,
        dry_run: bool = False,
        other: StrPath | None = None,
        progress: ProgressCallback | None = None,
    ) -> FsckResult:
        """Verify stored data and repair corrupt objects. See `is_well` of the result.

        Args:
            remote: Verify this remote, or with True the default one, instead of the store.
            sample: Read only a random part: a fraction between 0 and 1.
            seed: With `sample`, choose the same part again.
            repair: Replace corrupt objects by good copies.
            dry_run: With `repair`, show where good copies are, and change nothing.
            other: With `repair`, also use copies from this store or clone.

        Raises:
            RemoteError: The remote cannot be reached.
            CorruptError: A newer version of dver wrote the data.
            UsageError: The arguments contradict each other.
        """
        from dver.ops.maintain.fsck import fsck
        from dver.ops.maintain.fsck_remote import fsck_remote

        if not 0 < sample <= 1:
            raise UsageError(f"sample={sample} is not a fraction", fix="use a number between 0 and 1, such as 0.05")
        if (dry_run or other is not None) and not repair:
            raise UsageError("dry_run and other need repair=True", fix="add repair=True")
        chosen = seed if seed is not None else int.from_bytes(os.urandom(4), "little")
        with self._open() as repo:
            verify = partial(fsck_remote, name=remote_name(repo, remote)) if remote else fsck
            return verify(
                repo,
                cwd=self.cwd,
                fraction=sample,
                seed=chosen,
                repair=repair,
                dry_run=dry_run,
                other=None if other is None else text_of(other),
                progress=progress_for(progress),
            )

    def doctor(self, *, offline: bool = False, timeout: timedelta = timedelta(seconds=20)) -> Diagnosis:
        """Check the installation, disk and project for problems. Changes nothing.

        Args:
            offline: Do not contact the remotes.
            timeout: Wait at most so long for each remote.
        """
        from dver.ops.maintain.doctor import doctor

        return doctor(self.cwd, offline=offline, seconds=timeout.total_seconds())


class GcMethods(ProjectHandle):
    """Methods that remove unreferenced data: `project.gc`."""

    __slots__ = ()

    def __call__(
        self,
        *,
        dry_run: bool = False,
        grace: timedelta | None = None,
        explain: bool = False,
        progress: ProgressCallback | None = None,
    ) -> GcReport:
        """Move unreferenced data of the store to the trash, and delete trash that is older than the grace period.

        Args:
            dry_run: Change nothing, and return what would be removed.
            grace: Override the setting `gc.grace`.
            explain: Find out what keeps commits that no branch or tag reaches.

        Raises:
            RepositoryError: A part of Git cannot be read.
            CorruptError: A part of the store cannot be read.
            ConflictError: Another gc is running.
        """
        from dver.ops.maintain.gc import gc

        with self._open() as repo:
            return gc(repo, dry_run=dry_run, grace=_seconds(grace), explain=explain, progress=progress_for(progress))

    def remote(
        self,
        name: str | None = None,
        *,
        dry_run: bool = False,
        grace: timedelta | None = None,
        offline: bool = False,
        progress: ProgressCallback | None = None,
    ) -> RemoteGcReport:
        """Remove unreferenced data from a remote: a first run condemns it, and one after the grace period deletes it.

        Args:
            name: By default the default remote.
            dry_run, grace: As for the store.
            offline: Do not ask Git remotes for unknown commits.

        Raises:
            RepositoryError: This clone may not know all commits.
            ConflictError: Another repository uses the remote.
            RemoteError: The remote cannot be reached.
        """
        from dver.ops.maintain.gc_remote import gc_remote

        with self._open() as repo:
            chosen = remote_name(repo, True if name is None else name)
            grace_seconds, shown = _seconds(grace), progress_for(progress)
            return gc_remote(repo, chosen, dry_run=dry_run, grace=grace_seconds, offline=offline, progress=shown)

    def restore(self, batch: str | None = None) -> RestoreReport:
        """Restore a `batch` from the trash, or all of it.

        Raises:
            UsageError: There is no such batch.
        """
        from dver.ops.maintain.gc import restore

        with self._open() as repo:
            return restore(repo, batch)

    def forget(self, clone: str, *, remote: RemoteSelection = False) -> int:
        """Forget the deleted `clone`, a path or mark; with `remote`, a repository by its id. Returns their number.

        Raises:
            UsageError: There is no such clone or repository.
        """
        from dver.ops.maintain.gc import forget
        from dver.ops.maintain.gc_remote import forget_repository

        with self._open() as repo:
            if remote:
                return len(forget_repository(repo.remotes, remote_name(repo, remote), clone))
            return forget(repo, clone, cwd=self.cwd)


def clear_cache(
    *, objects: bool = True, mirrors: bool = True, models: bool = True, unused_for: timedelta | None = None
) -> CacheContents:
    """Delete your cache of data from remotes, of all projects, and return what was deleted.

    Args:
        objects: Delete objects.
        mirrors: Delete mirrors of Git repositories.
        models: Delete copies of models, which `Model.path` makes.
        unused_for: Delete only what was not used for so long.
    """
    from dver.ops.maintain.cache import clear_cache as clear

    seconds = None if unused_for is None else unused_for.total_seconds()
    return clear(objects=objects, mirrors=mirrors, models=models, unused_for=seconds)


def _seconds(grace: timedelta | None) -> int | None:
    return None if grace is None else int(grace.total_seconds())

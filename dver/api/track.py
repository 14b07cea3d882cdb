"""The section "Track data" of the Python API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from dver.api.handle import ProjectHandle, StrPath, raise_worst, text_of, texts
from dver.api.progress import ProgressCallback, progress_for
from dver.core.errors import UsageError

if TYPE_CHECKING:
    from dver.ops.track.add import AddResult
    from dver.ops.track.checkout import CheckoutResult
    from dver.ops.track.move import MoveResult
    from dver.ops.track.remove import RemoveResult
    from dver.ops.track.resolve import ResolveResult
    from dver.ops.track.unlock import UnlockResult


class TrackMethods(ProjectHandle):
    """Methods that track data and check it out."""

    __slots__ = ()

    def add(
        self,
        *paths: StrPath,
        update: bool = False,
        force: bool = False,
        dry_run: bool = False,
        checks: bool = True,
        remote: str | None = None,
        progress: ProgressCallback | None = None,
    ) -> AddResult:
        """Store files and directories, and write and stage their pointers.

        Args:
            paths: Files and directories. Paths inside a tracked directory update its pointer.
            update: Record changes of tracked data only; without paths, of all of it.
            force: Add data whose pointer changed without a checkout.
            dry_run: Write nothing, and return what would be added.
            checks: Refuse data that fails critical checks. Without it, the pointer says that checks were skipped.
            remote: Push this data to this remote instead of the default one.
            progress: Called with the task `hash`, in bytes.

        Raises:
            UsageError: A path does not exist, or cannot be tracked.
            ConflictError: A pointer changed without a checkout, or Git tracks a path.
            FailedChecksError: Data fails a critical check.
        """
        from dver.ops.track.add import add

        with self._open() as repo:
            return add(
                repo,
                texts(paths),
                cwd=self.cwd,
                update=update,
                force=force,
                dry_run=dry_run,
                remote=remote,
                checks=checks,
                progress=progress_for(progress),
            )

    def remove(
        self,
        *paths: StrPath,
        data: bool = False,
        force: bool = False,
        progress: ProgressCallback | None = None,
    ) -> RemoveResult:
        """Stop tracking data. It stays in the workspace and in earlier commits.

        Args:
            paths: Tracked data, or paths inside a tracked directory, which are deleted.
            data: Also delete the data from the workspace if the store has it.
            force: Delete even unsaved files.

        Raises:
            UsageError: A path is not tracked.
            ConflictError: Unsaved files would be lost.
        """
        from dver.ops.track.remove import remove

        with self._open() as repo:
            return remove(repo, texts(paths), cwd=self.cwd, data=data, force=force, progress=progress_for(progress))

    def move(self, source: StrPath, destination: StrPath, *, progress: ProgressCallback | None = None) -> MoveResult:
        """Move or rename tracked data with its pointer.

        Args:
            source: Data that is tracked as a whole. It need not be checked out.
            destination: The new path, or an existing directory.

        Raises:
            UsageError: `source` is not tracked as a whole.
            ConflictError: A file would be overwritten.
        """
        from dver.ops.track.move import move

        with self._open() as repo:
            return move(repo, text_of(source), text_of(destination), cwd=self.cwd, progress=progress_for(progress))

    def checkout(
        self,
        *paths: StrPath,
        rev: str | None = None,
        to: StrPath | None = None,
        force: bool = False,
        relink: bool = False,
        check: bool = True,
        progress: ProgressCallback | None = None,
    ) -> CheckoutResult:
        """Check out data for the current pointers or a revision. Unsaved files stay.

        Args:
            paths: Tracked data, or paths inside it. By default all data.
            rev: Restore pointers and data of this revision. HEAD does not move.
            to: Write to this directory instead of the workspace.
            force: Overwrite and delete even unsaved files.
            relink: Link large files again, as the setting `cache.link` says.
            check: Raise an error if something could not be checked out. The rest is checked out in any case.

        Raises:
            ConflictError: Unsaved files stayed (with `check`).
            MissingObjectError: The store does not have some content (with `check`).
            CorruptError: Some content is damaged in the store (with `check`).
            UsageError: A path or the revision is unknown.
        """
        from dver.ops.track.checkout import checkout

        with self._open() as repo:
            result = checkout(
                repo,
                texts(paths),
                cwd=self.cwd,
                rev=rev,
                to=None if to is None else self.cwd / to,
                force=force,
                relink=relink,
                progress=progress_for(progress),
            )
        raise_worst([result.restored.error()], check=check)
        return result

    def resolve(
        self,
        *paths: StrPath,
        choice: Literal["ours", "theirs", "union"] | None = None,
        both: bool = False,
        check: bool = True,
        progress: ProgressCallback | None = None,
    ) -> ResolveResult:
        """Resolve merge conflicts in tracked data. Without `choice` and `both`, list them.

        Args:
            paths: Data in conflict, files in it, or a `dver.lock`. By default all conflicts are listed.
            choice: Use this side of each file in conflict; `union` keeps both under different names.
            both: Write both versions for inspection, without resolving the conflict.
            check: Raise an error if resolved data could not be checked out.

        Raises:
            UsageError: A path has no conflict, or `choice` has no paths.
            ConflictError, MissingObjectError, CorruptError: As `checkout` (with `check`).
        """
        from dver.ops.track.resolve import resolve
        from dver.store.trees.merge import MergeChoice

        if choice is not None and (both or not paths):
            raise UsageError(
                "choice without paths" if not paths else "choice and both exclude each other",
                fix="pass the paths to resolve; '.' is all of them" if not paths else "pass one of them",
            )
        with self._open() as repo:
            result = resolve(
                repo,
                texts(paths),
                cwd=self.cwd,
                choice=None if choice is None else MergeChoice(choice),
                both=both,
                progress=progress_for(progress),
            )
        raise_worst([None if result.restored is None else result.restored.error()], check=check)
        return result

    def unlock(self, *paths: StrPath, progress: ProgressCallback | None = None) -> UnlockResult:
        """Replace files that are linked to the store with writable copies.

        Args:
            paths: Files and directories of tracked data. Other files stay as they are.
        """
        from dver.ops.track.unlock import unlock

        with self._open() as repo:
            return unlock(repo, texts(paths), cwd=self.cwd, progress=progress_for(progress))

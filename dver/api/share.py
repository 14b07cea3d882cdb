"""The section "Share data" of the Python API."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dver.api.handle import ProjectHandle, StrPath, raise_worst, text_of, texts
from dver.api.progress import ProgressCallback, progress_for
from dver.api.remotes import RemoteMethods

if TYPE_CHECKING:
    from dver.ops.share.fetch import FetchResult
    from dver.ops.share.import_data import ImportResult
    from dver.ops.share.import_url import ImportUrlResult
    from dver.ops.share.pull import PullResult
    from dver.ops.share.push import PushResult
    from dver.ops.share.update import UpdatedImport


class ShareMethods(ProjectHandle):
    """Methods that upload and download data."""

    __slots__ = ()

    @property
    def remote(self) -> RemoteMethods:
        """Methods that manage remotes, such as `project.remote.add`."""
        return RemoteMethods(self.root, self.cwd)

    def push(
        self,
        *paths: StrPath,
        rev: str | None = None,
        all_branches: bool = False,
        all_tags: bool = False,
        all_commits: bool = False,
        remote: str | None = None,
        jobs: int | None = None,
        dry_run: bool = False,
        run_cache: bool = False,
        progress: ProgressCallback | None = None,
    ) -> PushResult:
        """Upload data to a remote. Data that it already has is not uploaded again.

        Args:
            paths: Data, or paths inside it. By default all data.
            rev: Use the data of this revision instead of the current pointers.
            all_branches, all_tags, all_commits: Use the data of all of them.
            remote: The name of a remote, instead of the default one.
            jobs: The number of parallel transfers; by default it adapts to the remote.
            dry_run: Transfer nothing, and return what would be transferred.
            run_cache: Also transfer the run cache.
            progress: Called with the task `upload`, in bytes.

        Raises:
            RemoteError: The remote cannot be reached, or refuses the upload.
            MissingObjectError: The store does not have some data, and the remote neither.
        """
        from dver.ops.share.push import push
        from dver.sharing.transfer_options import TransferOptions
        from dver.tracking.revision_scope import RevisionScope

        scope = RevisionScope(rev, all_branches, all_tags, all_commits)
        options = TransferOptions(scope, remote, jobs, run_cache, dry_run)
        with self._open() as repo:
            return push(repo, texts(paths), cwd=self.cwd, options=options, progress=progress_for(progress))

    def fetch(
        self,
        *paths: StrPath,
        rev: str | None = None,
        all_branches: bool = False,
        all_tags: bool = False,
        all_commits: bool = False,
        remote: str | None = None,
        jobs: int | None = None,
        dry_run: bool = False,
        run_cache: bool = False,
        profiles: bool = False,
        check: bool = True,
        progress: ProgressCallback | None = None,
    ) -> FetchResult:
        """Download data into the store without checking it out. The other arguments are as in `push`.

        Args:
            profiles: Download only profiles of the data and other results about it, and not the data.
            check: Raise an error if a remote does not have some data. The rest is downloaded in any case.
            progress: Called with the task `download`, in bytes.

        Raises:
            RemoteError: The remote cannot be reached.
            MissingObjectError: The remote does not have some data (with `check`).
            CorruptError: Some data on the remote is damaged (with `check`).
        """
        from dver.ops.share.fetch import fetch
        from dver.sharing.transfer_options import TransferOptions
        from dver.tracking.revision_scope import RevisionScope

        scope = RevisionScope(rev, all_branches, all_tags, all_commits)
        options = TransferOptions(scope, remote, jobs, run_cache, dry_run)
        with self._open() as repo:
            result = fetch(
                repo, texts(paths), cwd=self.cwd, options=options, profiles=profiles, progress=progress_for(progress)
            )
        raise_worst([one.error() for one in result.remotes], check=check)
        return result

    def pull(
        self,
        *paths: StrPath,
        rev: str | None = None,
        all_branches: bool = False,
        all_tags: bool = False,
        all_commits: bool = False,
        remote: str | None = None,
        jobs: int | None = None,
        dry_run: bool = False,
        run_cache: bool = False,
        force: bool = False,
        check: bool = True,
        progress: ProgressCallback | None = None,
    ) -> PullResult:
        """Download data and check it out. The other arguments are as in `push`.

        Args:
            force: Overwrite and delete even unsaved files.
            check: Raise an error if some data is missing, or unsaved files stayed. The rest is done in any case.
            progress: Called with the tasks `download` and `checkout`, in bytes.

        Raises:
            RemoteError: The remote cannot be reached.
            MissingObjectError: The remote does not have some data (with `check`).
            CorruptError: Some data is damaged (with `check`).
            ConflictError: Unsaved files stayed (with `check`).
        """
        from dver.ops.share.pull import pull
        from dver.sharing.transfer_options import TransferOptions
        from dver.tracking.revision_scope import RevisionScope

        scope = RevisionScope(rev, all_branches, all_tags, all_commits)
        options = TransferOptions(scope, remote, jobs, run_cache, dry_run)
        with self._open() as repo:
            result = pull(
                repo, texts(paths), cwd=self.cwd, options=options, force=force, progress=progress_for(progress)
            )
        raise_worst([one.error() for one in result.remotes], check=check)
        raise_worst([None if result.restored is None else result.restored.error()], check=check)
        return result

    def import_data(
        self,
        repo: StrPath,
        path: StrPath = "",
        out: StrPath | None = None,
        *,
        rev: str | None = None,
        download: bool = True,
        push: bool = True,
        force: bool = False,
        checks: bool = True,
        check: bool = True,
        progress: ProgressCallback | None = None,
    ) -> ImportResult:
        """Track a copy of data of another repository. The pointer names the repository, the path and the commit.

        Args:
            repo: The URL of a Git repository, or a directory.
            path: Tracked data, a part of it, or files of Git.
            out: By default the last part of the path.
            rev: A branch, tag or commit, which `update` then follows; by default the default branch.
            download: Without it, record the source only.
            push: Without it, the data is never pushed, and `pull` downloads it from its source.
            force: Replace tracked data and existing files at `out`.
            checks: Refuse data that fails a critical check of `dver.checks.yaml`. Without it, the pointer says that
                checks were skipped.
            check: Raise an error if something could not be checked out.

        Raises:
            RemoteError: The repository or its remote cannot be reached.
            UsageError: It has no such path or revision.
            ConflictError: `out` exists.
            FailedChecksError: A critical check failed.
        """
        from dver.ops.share.import_data import ImportOptions, import_data

        with self._open() as project:
            result = import_data(
                project,
                text_of(repo),
                text_of(path),
                cwd=self.cwd,
                out=None if out is None else text_of(out),
                rev=rev,
                options=ImportOptions(push=push, download=download, force=force, checks=checks),
                progress=progress_for(progress),
            )
        raise_worst([None if result.restored is None else result.restored.error()], check=check)
        return result

    def import_url(
        self,
        url: str,
        out: StrPath | None = None,
        *,
        download: bool = True,
        to_remote: bool = False,
        desc: str | None = None,
        force: bool = False,
        remote: str | None = None,
        checks: bool = True,
        check: bool = True,
        progress: ProgressCallback | None = None,
    ) -> ImportUrlResult:
        """Track a copy of the files at a URL. The pointer names the URL.

        Args:
            url: A file or a directory: `s3://…`, `https://…`, a path, or any protocol of remotes.
            out: By default the last part of the URL.
            download: Without it, record size and fingerprint only.
            to_remote: Upload the data to the remote while it is read, and store nothing on this machine.
            desc: A description for the pointer.
            force: Replace tracked data and existing files at `out`.
            remote: The remote of this data, instead of the default one.
            checks: Refuse data that fails a critical check of `dver.checks.yaml`. Without it, the pointer says that
                checks were skipped.
            check: Raise an error if something could not be checked out.

        Raises:
            RemoteError: The URL cannot be reached, or has no such file.
            ConflictError: `out` exists.
            FailedChecksError: A critical check failed.
        """
        from dver.ops.share.import_url import PointerOptions, import_url

        with self._open() as repo:
            result = import_url(
                repo,
                url,
                None if out is None else text_of(out),
                cwd=self.cwd,
                options=PointerOptions(remote, desc, checks=checks),
                download=download,
                to_remote=to_remote,
                force=force,
                progress=progress_for(progress),
            )
        raise_worst([None if result.restored is None else result.restored.error()], check=check)
        return result

    def update(
        self,
        *paths: StrPath,
        rev: str | None = None,
        force: bool = False,
        checks: bool = True,
        check: bool = True,
        progress: ProgressCallback | None = None,
    ) -> tuple[UpdatedImport, ...]:
        """Download what changed at the sources of imports, and check it out.

        Args:
            paths: Imports, or directories that contain them. By default all imports.
            rev: The branch, tag or commit of the source repository that the imports follow from now on.
            force: Discard unsaved changes, and read unchanged sources again.
            checks: Refuse changed data that fails a critical check of `dver.checks.yaml`. Without it, the pointer says
                that checks were skipped.
            check: Raise an error if something could not be checked out.

        Raises:
            RemoteError: A source cannot be reached.
            ConflictError: An import has unsaved changes.
            FailedChecksError: A critical check failed.
        """
        from dver.ops.share.update import update

        with self._open() as repo:
            result = update(
                repo,
                texts(paths),
                cwd=self.cwd,
                rev=rev,
                force=force,
                checks=checks,
                progress=progress_for(progress),
            )
        raise_worst([one.restored.error() for one in result if one.restored is not None], check=check)
        return result

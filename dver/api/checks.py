"""The methods `project.check`: data against rules, and whether it is available."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dver.api.handle import ProjectHandle, RemoteSelection, StrPath, remote_name, texts

if TYPE_CHECKING:
    from dver.ops.quality.check_available import CheckResult


class CheckMethods(ProjectHandle):
    """Methods that check data: `project.check`."""

    __slots__ = ()

    def available(
        self,
        *paths: StrPath,
        remote: RemoteSelection = False,
        rev: str | None = None,
        all_branches: bool = False,
        all_tags: bool = False,
        all_commits: bool = False,
    ) -> CheckResult:
        """Check that all data of a commit is available. `absent` of the result lists missing data.

        Args:
            paths: Check only data at or below them.
            remote: Check this remote, or with True the default one, instead of the store.
            rev: By default HEAD.
            all_branches, all_tags, all_commits: Check the data of all of them.

        Raises:
            RemoteError: The remote cannot be reached.
        """
        from dver.ops.quality.check_available import check_available
        from dver.tracking.revision_scope import CURRENT, RevisionScope

        scope = RevisionScope(rev, all_branches, all_tags, all_commits)
        if scope == CURRENT:
            scope = RevisionScope("HEAD")
        with self._open() as repo:
            name = remote_name(repo, remote)
            return check_available(repo, texts(paths), cwd=self.cwd, scope=scope, on_remote=bool(remote), remote=name)

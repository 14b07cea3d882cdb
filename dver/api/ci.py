"""The methods `project.ci`: workflows for CI."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from dver.api.handle import ProjectHandle

if TYPE_CHECKING:
    from dver.ops.ci.init import WrittenWorkflows


class CiMethods(ProjectHandle):
    """Methods for CI: `project.ci`."""

    __slots__ = ()

    def init(
        self,
        host: Literal["github", "gitlab"],
        *,
        retrain: bool = False,
        monitor: bool = False,
        force: bool = False,
    ) -> WrittenWorkflows:
        """Write workflows that check data, run stages, report changes, and register models.

        Args:
            host: The service that runs them.
            retrain: Also write a workflow that retrains on a schedule.
            monitor: Also write a workflow that runs the monitors of dver.yaml on a schedule.
            force: Replace files with other content.

        Raises:
            ConflictError: A file exists with other content.
            UsageError: No monitor has live data.
        """
        from dver.ci.workflows.files import WorkflowHost
        from dver.ops.ci.init import ci_init

        with self._open() as repo:
            return ci_init(repo, WorkflowHost(host), retrain=retrain, monitor=monitor, force=force)

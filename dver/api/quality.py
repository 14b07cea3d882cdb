"""The section "Check and monitor data" of the Python API."""

from __future__ import annotations

from dver.api.checks import CheckMethods
from dver.api.handle import ProjectHandle
from dver.api.retraining import RetrainMethods
from dver.api.suites import SuiteMethods


class QualityMethods(RetrainMethods, ProjectHandle):
    """Methods that check and monitor data."""

    __slots__ = ()

    @property
    def check(self) -> CheckMethods:
        """Methods that check data, such as `project.check.available`."""
        return CheckMethods(self.root, self.cwd)

    @property
    def checks(self) -> SuiteMethods:
        """Methods that write rules for data, such as `project.checks.init`."""
        return SuiteMethods(self.root, self.cwd)

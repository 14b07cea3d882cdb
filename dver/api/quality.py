"""The section "Check and monitor data" of the Python API."""

from __future__ import annotations

from dver.api.checks import CheckMethods
from dver.api.handle import ProjectHandle
from dver.api.retraining import RetrainMethods


class QualityMethods(RetrainMethods, ProjectHandle):
    """Methods that check and monitor data."""

    __slots__ = ()

    @property
    def check(self) -> CheckMethods:
        """Methods that check data, such as `project.check.available`."""
        return CheckMethods(self.root, self.cwd)

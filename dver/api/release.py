"""The section "Review and release" of the Python API: the group of methods `project.model`."""

from __future__ import annotations

from dver.api.ci import CiMethods
from dver.api.handle import ProjectHandle
from dver.api.models import ModelMethods


class ReleaseMethods(ProjectHandle):
    """Methods for models, reports and CI."""

    __slots__ = ()

    @property
    def model(self) -> ModelMethods:
        """Methods that register, assign and export models, such as `project.model.list`."""
        return ModelMethods(self.root, self.cwd)

    @property
    def ci(self) -> CiMethods:
        """Methods for CI: `project.ci.init`."""
        return CiMethods(self.root, self.cwd)

"""The suites of data that a pointer or a lock records."""

from __future__ import annotations

import os
from collections.abc import Mapping

from dver.checks.suite.rules import CheckSuite
from dver.core.errors import DverError
from dver.gates.data_checks import DataGate, own_suites
from dver.pipelines.definition.stage import PipelineFile
from dver.pipelines.definition.yaml_tree import Node
from dver.pipelines.engine.graph import Address, worktree_path
from dver.tracking.targets import TrackedData

Pipelines = Mapping[str, PipelineFile | DverError]
"""The contents of `dver.yaml` files by their directory, or why they cannot be read."""


def suites_of_data(checks: DataGate, data: TrackedData, pipelines: Pipelines) -> tuple[CheckSuite, ...]:
    """The suites of files of checks for `data`, and for an output also those of its stage in dver.yaml.

    Raises PipelineError for mistakes, and MissingObjectError if a pattern needs a listing that is not here.
    """
    found = checks.suites_of_recorded(data)
    if data.maker is None:
        return found
    address = Address(os.fsdecode(os.path.dirname(data.maker.lock)), data.maker.stage)
    return (*found, *own_suites(address, {data.path: _own_checks(pipelines, address, data.path)}))


def _own_checks(pipelines: Pipelines, address: Address, path: bytes) -> Node | None:
    """The `checks` of an output of the stage; None if dver.yaml has neither."""
    file = pipelines.get(address.folder)
    stage = file.stages.get(address.name) if isinstance(file, PipelineFile) else None
    outs = stage.outs if stage is not None else ()
    places = {os.fsencode(worktree_path(address.folder, out.path, out.mark)): out.checks for out in outs}
    return places.get(path)

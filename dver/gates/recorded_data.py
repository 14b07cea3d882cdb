"""The suites of data that a pointer or a lock records."""

from __future__ import annotations

import os

from dver.checks.suite.rules import CheckSuite
from dver.gates.data_checks import DataChecks
from dver.pipelines.engine.graph import Address
from dver.repo import Repository
from dver.tracking.targets import TrackedData


def suites_of_data(repo: Repository, checks: DataChecks, data: TrackedData) -> tuple[CheckSuite, ...]:
    """The suites of files of checks for `data`, and for an output also those of its stage in dver.yaml."""
    if data.maker is None:
        return checks.suites_of(data.path)
    address = Address(os.fsdecode(os.path.dirname(data.maker.lock)), data.maker.stage)
    return checks.suites_of_outputs(address, {data.path: _own_checks(repo, address, data.path)})

"""Pointblank: the path of a YAML file. The whole table is in memory as a pandas DataFrame."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from dver.checks.plugins.plugin_data import PluginCheck, PluginData
from dver.core.errors import UsageError
from dver.core.files import read_regular
from dver.core.phrasing import count


def check(data: PluginData, text: str) -> Iterator[PluginCheck]:
    """Interrogate the data with the steps of the YAML file `text`. The `tbl` in it is ignored."""
    try:
        import pointblank
    except ImportError as error:
        raise UsageError("Pointblank is not installed", fix="pip install pointblank pandas") from error
    import yaml

    try:
        steps = yaml.safe_load(read_regular(os.fsencode(data.directory / text)))
    except (OSError, yaml.YAMLError) as error:
        raise UsageError(f"{text} cannot be read", why=str(error).replace("\n", " ")) from error
    if not isinstance(steps, dict):
        raise UsageError(f"{text} is not a mapping", fix="it needs `steps`")
    try:
        found = pointblank.yaml_interrogate(yaml.safe_dump({**steps, "tbl": None}), set_tbl=data.frame())
    except Exception as error:  # the library and expressions in the file may raise anything
        raise UsageError(f"{text} cannot be executed", why=str(error).partition("\n")[0]) from error
    for step in found.validation_info:
        if step.active:
            yield _step(step)


def _step(step: Any) -> PluginCheck:
    name = f"pointblank {step.assertion_type}"
    column = step.column if isinstance(step.column, str) else None
    if step.eval_error:
        return PluginCheck(name, False, "the step cannot be evaluated", step.autobrief or "", column)
    failed = int(step.n_failed or 0)
    text = f"{failed:,} of {count(int(step.n or 0), 'test unit')} failed" if failed else "all test units passed"
    return PluginCheck(name, bool(step.all_passed), text, step.autobrief or "", column, failed or None)

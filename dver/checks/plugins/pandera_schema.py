"""Pandera: `FILE.py:SCHEMA`, or `MODULE:SCHEMA`. The whole table is in memory as a pandas DataFrame."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dver.checks.plugins.plugin_data import PluginCheck, PluginData
from dver.core.errors import UsageError
from dver.core.phrasing import count


def check(data: PluginData, text: str) -> Iterator[PluginCheck]:
    """Validate the data with the schema that `text` names, a DataFrameSchema or a DataFrameModel."""
    try:
        from pandera.errors import SchemaError, SchemaErrors
    except ImportError as error:
        raise UsageError("Pandera is not installed", fix='pip install "pandera[pandas]"') from error
    schema = _schema(data.directory, text)
    try:
        schema.validate(data.frame(), lazy=True)
    except SchemaErrors as failed:
        yield from _failures(failed.failure_cases)
    except SchemaError as failed:
        yield PluginCheck("pandera", False, str(failed).partition("\n")[0])
    else:
        yield PluginCheck("pandera", True, "the schema validates the data", text)


def _failures(cases: Any) -> Iterator[PluginCheck]:
    found: dict[tuple[str | None, str], list[Any]] = {}
    for one in cases.to_dict("records"):
        column = str(one["column"]) if isinstance(one["column"], str) else None
        found.setdefault((column, str(one["check"])), []).append(one)
    for (column, name), failed in found.items():
        shown = ", ".join(str(one["failure_case"]) for one in failed[:3])
        rows = len(failed) if failed[0]["index"] is not None else None
        text = f"{count(len(failed), 'failure')}: {shown}{', …' if len(failed) > 3 else ''}"
        yield PluginCheck(f"pandera {name}", False, text, name, column, rows)


def _schema(directory: Path, text: str) -> Any:
    module_name, _, name = text.rpartition(":")
    if not module_name or not name:
        raise UsageError(f"{text!r} names no schema", fix="such as schemas.py:Customers")
    try:
        module = _module(directory, module_name)
    except Exception as error:  # the user's code may raise anything
        raise UsageError(f"{module_name} cannot be imported", why=f"{type(error).__name__}: {error}") from error
    found = getattr(module, name, None)
    if not hasattr(found, "validate"):
        raise UsageError(f"{module_name} has no schema {name!r}", fix="name a DataFrameSchema or a DataFrameModel")
    return found


def _module(directory: Path, name: str) -> Any:
    if not name.endswith(".py"):
        sys.path.insert(0, str(directory))
        try:
            return importlib.import_module(name)
        finally:
            sys.path.remove(str(directory))
    spec = importlib.util.spec_from_file_location("dver_checks_schema", directory / name)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module

"""dver versions datasets and models beside code in Git.

`dver.open`, `read_bytes`, `read_text`, `ls`, `walk`, `files` and `get` read data of a revision, of this or another
repository, without a checkout. `dver.model` finds a registered model. `dver.Project` has every command of the command
line. `dver.live` logs metrics of a training program. Each name is imported when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from dver import live
    from dver.access.files import FileInfo, Files
    from dver.api.files import files, ls, open, read_bytes, read_text, url_for, walk
    from dver.api.get import get
    from dver.api.maintain import clear_cache
    from dver.api.progress import ProgressEvent
    from dver.api.project import Project
    from dver.api.registered_model import Model, model
    from dver.api.streams import stream
    from dver.core.errors import (
        ConflictError,
        CorruptError,
        DverError,
        LocalIOError,
        MissingObjectError,
        NewerVersionError,
        PipelineError,
        RemoteError,
        RepositoryError,
        StageError,
        UsageError,
    )
    from dver.core.version import __version__
    from dver.monitoring.request_options import MonitorOptions
    from dver.ops.maintain.cache import list_cache
    from dver.streaming.record_stream import merge_states
    from dver.streaming.torch_dataset import TorchDataset

_ERRORS: Final = "dver.core.errors"
_FILES: Final = "dver.api.files"
_MODULES: Final = {
    "open": _FILES,
    "read_bytes": _FILES,
    "read_text": _FILES,
    "ls": _FILES,
    "walk": _FILES,
    "files": _FILES,
    "url_for": _FILES,
    "stream": "dver.api.streams",
    "merge_states": "dver.streaming.record_stream",
    "TorchDataset": "dver.streaming.torch_dataset",
    "get": "dver.api.get",
    "model": "dver.api.registered_model",
    "Model": "dver.api.registered_model",
    "Project": "dver.api.project",
    "ProgressEvent": "dver.api.progress",
    "MonitorOptions": "dver.monitoring.request_options",
    "list_cache": "dver.ops.maintain.cache",
    "clear_cache": "dver.api.maintain",
    "Files": "dver.access.files",
    "FileInfo": "dver.access.files",
    "DverError": _ERRORS,
    "UsageError": _ERRORS,
    "RepositoryError": _ERRORS,
    "ConflictError": _ERRORS,
    "MissingObjectError": _ERRORS,
    "CorruptError": _ERRORS,
    "NewerVersionError": _ERRORS,
    "RemoteError": _ERRORS,
    "LocalIOError": _ERRORS,
    "PipelineError": _ERRORS,
    "StageError": _ERRORS,
    "__version__": "dver.core.version",
}
"""The module of each public name."""

__all__ = [
    "open",
    "read_bytes",
    "read_text",
    "ls",
    "walk",
    "files",
    "url_for",
    "stream",
    "merge_states",
    "TorchDataset",
    "get",
    "model",
    "Model",
    "Project",
    "live",
    "ProgressEvent",
    "MonitorOptions",
    "list_cache",
    "clear_cache",
    "Files",
    "FileInfo",
    "DverError",
    "UsageError",
    "RepositoryError",
    "ConflictError",
    "MissingObjectError",
    "CorruptError",
    "NewerVersionError",
    "RemoteError",
    "LocalIOError",
    "PipelineError",
    "StageError",
    "__version__",
]


if not TYPE_CHECKING:  # a type checker reports names that do not exist

    def __getattr__(name: str) -> Any:
        """Import a public name at its first use (PEP 562)."""
        from importlib import import_module

        if name == "live":
            return import_module("dver.live")
        if name not in _MODULES:
            raise AttributeError(f"module 'dver' has no attribute {name!r}")
        found = getattr(import_module(_MODULES[name]), name)
        globals()[name] = found
        return found


def __dir__() -> list[str]:
    return sorted(__all__)

"""Refuses to record runs whose inputs changed while the command ran."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from dver.core.errors import StageError
from dver.core.phrasing import join_limited, quoted
from dver.pipelines.definition.stage import Stage
from dver.pipelines.engine.graph import Address
from dver.pipelines.engine.reasons import Inputs


def refuse_changed(address: Address, stage: Stage, before: Inputs, after: Inputs) -> None:
    """Raise StageError for dependencies and parameters that changed, unless the stage `modifies` them."""
    deps = [path for path, item in before.deps.items() if after.deps[path] != item and path not in stage.modifies]
    params = [file for file, values in before.params.items() if after.params[file] != values]
    external = [url for url, found in before.external.items() if after.external[url] != found]
    if deps or params or external:
        raise StageError(
            f"stage {str(address)!r} is not recorded: {join_limited([*deps, *params, *external])} changed while it ran",
            why="its outputs may come from either version",
            fix=f"dver repro {quoted(str(address))}" + _or_modifies(stage, deps),
        )


def refuse_touched(address: Address, stage: Stage, before: Mapping[str, bytes], after: Mapping[str, bytes]) -> None:
    """Raise StageError for dependencies with files that were written, even if they have their former content again."""
    touched = [path for path, state in before.items() if after[path] != state and path not in stage.modifies]
    if touched:
        name = quoted(str(address))
        raise StageError(
            f"stage {str(address)!r} is not recorded: {join_limited(touched)} was written while it ran",
            why="it has its former content, but the command may have read another version",
            fix=f"dver repro {name}; or, if it made no difference, dver commit {name}" + _or_modifies(stage, touched),
        )


def refuse_deleted(address: Address, stage: Stage, after: Inputs) -> None:
    """Raise StageError for dependencies that the stage `modifies` and that its command deleted."""
    deleted = [path for path in stage.modifies if after.deps[path] is None]
    if deleted:
        raise StageError(
            f"stage {str(address)!r} deleted {join_limited(deleted)}, which it depends on",
            why="`modifies` allows changes, but the next run needs the file",
            fix="change the command, or remove the file from `deps`",
        )


def _or_modifies(stage: Stage, paths: Sequence[str]) -> str:
    if not paths:
        return ""
    typed_paths = ", ".join(os.path.relpath(path, stage.wdir) for path in paths)
    return f"; or, if its command changes it, add to the stage: `modifies: [{typed_paths}]`"

"""Which input of its lineage is the data that a model was trained on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from dver.core.errors import UsageError
from dver.core.phrasing import join_limited, quoted
from dver.pipelines.lineage import InputOrigin, Lineage, LineageInput
from dver.tables.suffixes import is_table_file

_DATA: Final = (InputOrigin.STAGE, InputOrigin.POINTER)


def training_input(lineage: Lineage, model: str, path: str | None = None, *, preferred: str | None = None) -> str:
    """The path of the training data of `model` (`NAME@VERSION`), relative to the top of the Git worktree.

    It is the input of the stage that made the model; `path` selects one of several, or any input of the stages before.
    `preferred` is selected if it is one of them. Raises UsageError.
    """
    known = [source.place for step in lineage.stages for source in step.sources]
    if preferred is not None and preferred in known:
        return preferred
    if path is not None:
        if path in known:
            return path
        raise UsageError(
            f"{path!r} is not an input of {model}",
            why=f"its inputs are {join_limited(known, 10)}",
            fix="name one of them with --input",
        )
    found = _data_inputs(lineage.stages[0].sources)
    if len(found) == 1:
        return found[0]
    stage = lineage.stages[0].address
    raise UsageError(
        f"the training data of {model} is not clear",
        why=f"stage {stage} reads {join_limited(found, 10)}" if found else f"stage {stage} reads no data",
        fix=f"name it: --input {quoted((found or known or ['PATH'])[0])}",
    )


def unknown_training_data(model: str, why: str) -> UsageError:
    """The error for a model without lineage."""
    return UsageError(
        f"the training data of {model} is not known", why=why, fix=f"name the data: --reference PATH@{quoted(model)}"
    )


def _data_inputs(sources: Sequence[LineageInput]) -> list[str]:
    """The inputs that are data: tables if there are any, or else all that dver tracks."""
    tables = [one.place for one in sources if is_table_file(one.place)]
    return tables or [one.place for one in sources if one.origin in _DATA]

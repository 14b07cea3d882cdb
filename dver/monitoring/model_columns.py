"""The columns in which rows have predictions, scores and targets, and what they mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from dver.core.display import Displayed
from dver.core.errors import UsageError
from dver.core.phrasing import join_limited

CLASSES_MAX: Final = 1000
"""The most classes of a classifier."""
_NULLS: Final = "'NA', 'N/A', 'n/a', '#N/A', 'NULL', 'null', 'nan', 'NaN', ''"
"""Texts that are no class: what profiles take for null in CSV files, and numbers that are none."""
_WHOLE_NUMBER: Final = r"^(0|-?[1-9][0-9]{0,14})\.0+$"
"""A whole number as a column of floating-point numbers has it. Numbers with more digits may be rounded."""
_CLASSES_OF_NUMBERS: Final = 20
"""A target with more different numbers than this is that of a regression, unless a task is given."""


class ModelTask(Enum):
    """What a model predicts."""

    BINARY = "binary"
    """One of two classes."""
    MULTICLASS = "multiclass"
    """One of several classes."""
    REGRESSION = "regression"
    """A number."""


@dataclass(frozen=True, slots=True, repr=False)
class ModelColumns(Displayed):
    """The columns of a model's output."""

    prediction: str | None = None
    score: str | None = None
    """The probability of the positive class."""
    target: str | None = None
    """What came true."""
    key: str | None = None
    """Identifies a row in live data and labels. Without it, rows are joined by their order."""
    positive: str | None = None
    """The positive class."""
    task: ModelTask | None = None
    """By default, the values of the target decide."""
    class_scores: tuple[tuple[str, str], ...] = ()
    """Of a classifier of several classes: each class, and the column with its probability."""

    @property
    def has_output(self) -> bool:
        """Is a column with an output of the model named?"""
        return self.prediction is not None or self.score is not None or bool(self.class_scores)

    @property
    def roles(self) -> dict[str, str]:
        """The columns that have a role, with it."""
        scores = ((column, "score") for _, column in self.class_scores)
        named = ((self.prediction, "prediction"), (self.score, "score"), *scores, (self.target, "target"))
        return {column: role for column, role in named if column is not None}


@dataclass(frozen=True, slots=True)
class ModelOutput:
    """What the values of target and prediction say of a model."""

    task: ModelTask
    positive: str | None = None
    """In the form of `class_sql`; None unless binary."""
    class_columns: tuple[tuple[str, str], ...] = ()
    """The classes that occur, in the same form, each with its column of `ScoredRows`; none unless multiclass."""

    @property
    def score_columns(self) -> Mapping[str, str]:
        """The columns of `ScoredRows` with scores, by class."""
        if self.positive is not None:
            return {self.positive: "s"}
        return dict(self.class_columns)


def class_sql(value: str) -> str:
    """SQL that is the class of an expression as text: 1, 1.0 and true are one class, whatever the format of a file."""
    text = f"CAST({value} AS VARCHAR)"
    text = f"CASE WHEN {text} IN ({_NULLS}) THEN NULL ELSE {text} END"
    number = f"TRY_CAST({text} AS DOUBLE)"
    return (
        f"CASE WHEN {number} IS NOT NULL THEN CAST({number} AS VARCHAR) "
        f"WHEN lower({text}) = 'true' THEN '1.0' WHEN lower({text}) = 'false' THEN '0.0' ELSE {text} END"
    )


def key_sql(value: str) -> str:
    """SQL that is the key of an expression as text, as it is written: large numbers stay exact, and 007 is not 7.

    Only 7.0 is 7: a column of whole numbers with a null is often written as floating-point numbers.
    """
    return f"regexp_replace(CAST({value} AS VARCHAR), '{_WHOLE_NUMBER}', '\\1')"


def class_of(text: str) -> str:
    """The class that a user means by `text`, in the form of `class_sql`."""
    if text.lower() in ("true", "false"):
        return "1.0" if text.lower() == "true" else "0.0"
    number = _number(text)
    return text if number is None else repr(number)


def shown_class(text: str) -> str:
    """A class as people write it."""
    return text.removesuffix(".0") if _number(text) is not None else text


def output_of(classes: Sequence[str], columns: ModelColumns) -> ModelOutput:
    """What the model predicts. `classes` are up to CLASSES_MAX + 1 different values of targets and predictions.

    Raises UsageError if the positive class is not clear, for a class without a score where others have one, and for a
    class with several scores.
    """
    task = columns.task or (ModelTask.MULTICLASS if columns.class_scores else _task(classes))
    if task is ModelTask.MULTICLASS:
        return ModelOutput(task, class_columns=_class_columns(classes, columns))
    if columns.class_scores:
        raise UsageError(
            "scores of classes belong to a classifier of several classes",
            why=f"the task is {task.value}",
            fix="use --task multiclass, or --score COLUMN for the positive class of two",
        )
    if task is not ModelTask.BINARY:
        return ModelOutput(task)
    if len(classes) > 2:
        shown = join_limited([shown_class(one) for one in classes])
        raise UsageError(
            f"{len(classes)} classes are not binary", why=f"found: {shown}", fix="leave --task out, or use multiclass"
        )
    return ModelOutput(task, _positive(classes, columns.positive))


def _class_columns(classes: Sequence[str], columns: ModelColumns) -> tuple[tuple[str, str], ...]:
    """The classes that occur, with their scores. Others would count 0 in estimated means, but not in real ones."""
    scored = [class_of(one) for one, _ in columns.class_scores]
    repeated = next((one for at, one in enumerate(scored) if one in scored[:at]), None)
    if repeated is not None:
        names = [one for one, _ in columns.class_scores if class_of(one) == repeated]
        raise UsageError(
            f"several scores for the class {shown_class(repeated)!r}",
            why=f"{' and '.join(names)} are the same class",
            fix="name one column for each class",
        )
    missing = [one for one in classes if one not in scored]
    if scored and missing:
        raise UsageError(
            f"no score for {join_limited([repr(shown_class(one)) for one in missing])}",
            why="targets or predictions have the class, and other classes have scores",
            fix=f"name its column: --class-score {shown_class(missing[0])}=COLUMN",
        )
    return tuple((one, f"s{at}") for at, one in enumerate(scored) if one in classes or not classes)


def _task(classes: Sequence[str]) -> ModelTask:
    numbers = [_number(one) for one in classes]
    if all(one is not None for one in numbers) and classes:
        is_whole = all(one is not None and one.is_integer() for one in numbers)
        if not is_whole or len(classes) > _CLASSES_OF_NUMBERS:
            return ModelTask.REGRESSION
    if len(classes) > CLASSES_MAX:
        raise UsageError(f"the target has more than {CLASSES_MAX} classes", fix="name another column: --target COLUMN")
    return ModelTask.BINARY if len(classes) <= 2 else ModelTask.MULTICLASS


def _positive(classes: Sequence[str], given: str | None) -> str:
    if given is not None:
        wanted = class_of(given)
        if len(classes) == 2 and wanted not in classes:
            shown = " and ".join(shown_class(one) for one in classes)
            raise UsageError(f"{given!r} is not a class", why=f"the classes are {shown}", fix="choose one of them")
        return wanted
    if set(classes) <= {"0.0", "1.0"}:
        return "1.0"
    if len(classes) == 2 and all(_number(one) is not None for one in classes):
        return max(classes, key=float)
    raise UsageError(
        "the positive class is not clear",
        why=f"the classes are {' and '.join(map(shown_class, sorted(classes)))}",
        fix="name it: --positive CLASS",
    )


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None

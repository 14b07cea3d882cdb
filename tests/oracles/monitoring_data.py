"""The data on which dver's monitoring and NannyML are compared: from a seed, the same with each version of numpy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

SEED: Final = 16
REFERENCE_ROWS: Final = 10_000
WINDOW_ROWS: Final = 1_000
WINDOWS: Final = 3


@dataclass(frozen=True, slots=True)
class Scored:
    """Rows of a binary classifier."""

    target: npt.NDArray[np.int64]
    prediction: npt.NDArray[np.int64]
    score: npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Predicted:
    """Rows of a regression model."""

    target: npt.NDArray[np.float64]
    prediction: npt.NDArray[np.float64]


def calibrated(rows: int, *, seed: int, power: float = 1.0) -> Scored:
    """Scores that are the true probabilities. A higher power has more scores near 0."""
    random = np.random.default_rng(seed)
    score = np.round(random.random(rows) ** power, 6)
    target = (random.random(rows) < score).astype(np.int64)
    return Scored(target, (score >= 0.5).astype(np.int64), score)


def miscalibrated(rows: int, *, seed: int) -> Scored:
    """Scores that are the square of the true probabilities."""
    found = calibrated(rows, seed=seed)
    score = np.round(found.score**2, 6)
    return Scored(found.target, (score >= 0.5).astype(np.int64), score)


CLASSES: Final = ("a", "b", "c")


def several_classes(rows: int, *, seed: int, sharpness: float = 1.0, error: float = 1.0) -> dict[str, npt.NDArray[Any]]:
    """Rows of a classifier of three classes. With an `error` other than 1 the probabilities are not calibrated.

    The columns are `target`, `prediction`, and `p_a`, `p_b` and `p_c` with probabilities.
    """
    random = np.random.default_rng(seed)
    weights = random.random((rows, len(CLASSES))) ** (3 * sharpness) * (3, 2, 1)
    true = weights / weights.sum(axis=1, keepdims=True)
    chosen = (random.random((rows, 1)) > true.cumsum(axis=1)).sum(axis=1).clip(max=len(CLASSES) - 1)
    said = true**error
    scores = np.round(said / said.sum(axis=1, keepdims=True), 6)
    names = np.array(CLASSES)
    columns = {f"p_{name}": scores[:, at] for at, name in enumerate(CLASSES)}
    return {"target": names[chosen], "prediction": names[scores.argmax(axis=1)], **columns}


def several_classes_live() -> list[dict[str, npt.NDArray[Any]]]:
    """Windows of a classifier of three classes, which is less and less sure."""
    return [several_classes(WINDOW_ROWS, seed=31 + at, sharpness=1 / (1 + at)) for at in range(WINDOWS)]


def regression(rows: int, *, seed: int, noise: float = 1.0) -> Predicted:
    """Targets around predictions."""
    random = np.random.default_rng(seed)
    prediction = np.round(random.random(rows) * 10, 6)
    return Predicted(np.round(prediction + noise * (random.random(rows) - 0.5), 6), prediction)


def reference() -> Scored:
    """The reference of the classifier."""
    return calibrated(REFERENCE_ROWS, seed=SEED)


def live(window: int) -> Scored:
    """A window of live data. Later ones differ more from the reference."""
    return calibrated(WINDOW_ROWS, seed=SEED + 1 + window, power=1.0 + window / 2)

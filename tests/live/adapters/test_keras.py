"""The callback of Keras, with the real one, on whichever backend is installed."""

from __future__ import annotations

import json
import os
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from dver import live

if not any(map(find_spec, ("jax", "torch", "tensorflow"))):
    pytest.skip("needs a backend of Keras", allow_module_level=True)
os.environ.setdefault("KERAS_BACKEND", next(name for name in ("jax", "torch", "tensorflow") if find_spec(name)))
keras = pytest.importorskip("keras")

pytestmark = pytest.mark.filterwarnings("default")


def test_each_epoch_is_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    model = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(1)])
    model.compile(loss="mse", metrics=["mae"])
    data, label = np.ones((8, 2)), np.ones(8)
    callback = live.KerasCallback()
    for _ in range(2):
        history = model.fit(
            data, label, epochs=2, validation_data=(data, label), callbacks=[callback], verbose=0
        ).history
    found = json.loads(Path("live/metrics.json").read_bytes())
    assert found == {name: pytest.approx(values[-1]) for name, values in history.items()} | {"step": 3}
    assert set(found) == {"loss", "mae", "val_loss", "val_mae", "step"}
    model.fit(data, label, epochs=3, initial_epoch=2, callbacks=[live.KerasCallback(resume=True)], verbose=0)
    rows = Path("live/plots/metrics/loss.tsv").read_text().splitlines()
    assert [row.split("\t")[0] for row in rows] == ["step", "0", "1", "2"]  # again from the given epoch on

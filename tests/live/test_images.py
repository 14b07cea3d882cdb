"""Images of several kinds."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dver import live
from dver.core.errors import LocalIOError, UsageError


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> live.LiveRun:
    monkeypatch.chdir(tmp_path)
    return live.run()


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def test_arrays_become_images(run: live.LiveRun) -> None:
    gray = np.arange(12, dtype=np.uint8).reshape(3, 4)
    assert (pixels(run.image("gray.png", gray)) == gray).all()
    assert (pixels(run.image("one.png", gray[:, :, None])) == gray).all()
    color = np.zeros((3, 4, 3))
    color[0, 0] = (1.0, 0.5, np.nan)
    assert pixels(run.image("color.png", color))[0, 0].tolist() == [255, 128, 0]
    assert pixels(run.image("mask.png", gray > 5)).tolist() == np.where(gray > 5, 255, 0).tolist()


def test_images_of_pil_and_files_are_kept(run: live.LiveRun) -> None:
    image = Image.new("RGB", (4, 3), "red")
    assert pixels(run.image("red.png", image)).shape == (3, 4, 3)
    image.save("photo.jpg")
    path = run.image("photo", "photo.jpg")
    assert path.name == "photo.jpg"
    assert path.read_bytes() == Path("photo.jpg").read_bytes()


def test_figures_of_matplotlib(run: live.LiveRun) -> None:
    from matplotlib.figure import Figure

    figure = Figure()
    figure.subplots().plot([1, 2], [3, 4])
    assert pixels(run.image("curve", figure)).ndim == 3
    assert b"<svg" in run.image("curve.svg", figure).read_bytes()


def test_each_step_has_its_own_image(run: live.LiveRun) -> None:
    for step in range(2):
        run.image("samples/first.png", np.zeros((2, 2), np.uint8), step=step)
    assert sorted(os.listdir("live/plots/images/samples/first")) == ["0.png", "1.png"]


def test_names_stay_inside(run: live.LiveRun) -> None:
    path = run.image("../../../evil.png", np.zeros((2, 2), np.uint8))
    assert Path("live/plots/images").resolve() in path.parents


@pytest.mark.parametrize("array", [np.zeros(3), np.zeros((2, 2, 5)), np.zeros((2, 2), np.int64), ["text"]])
def test_what_is_not_an_image_is_refused_and_leaves_nothing(run: live.LiveRun, array: object) -> None:
    with pytest.raises(UsageError, match="is not an image"):
        run.image("x.png", array)
    assert os.listdir("live/plots/images") == []


def test_an_image_that_its_format_cannot_hold_is_refused(run: live.LiveRun) -> None:
    with pytest.raises(UsageError, match=r"'x\.jpg' cannot be written") as caught:
        run.image("x.jpg", np.zeros((2, 2, 4), np.uint8))
    assert caught.value.fix == "use the suffix .png"
    assert run.image("x.png", np.zeros((2, 2, 4), np.uint8)).is_file()


def test_unknown_suffixes_and_missing_files_are_refused(run: live.LiveRun) -> None:
    with pytest.raises(UsageError, match=r"'x\.txt' cannot be the name of an image"):
        run.image("x.txt", np.zeros((2, 2), np.uint8))
    with pytest.raises(LocalIOError, match=r"gone\.png"):
        run.image("x.png", "gone.png")

"""Images: arrays, PIL images, figures of matplotlib and files, written below `plots/images`."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from dver.core.errors import UsageError
from dver.core.files import temporary_name
from dver.live.metric_names import file_path, name_parts

FOLDER: Final = "plots/images"
_SUFFIXES: Final = (".png", ".jpg", ".jpeg", ".gif", ".svg", ".webp", ".bmp")
"""What `dver plots` shows as images."""


def write_image(folder: Path, name: str, image: Any, step: int | None) -> Path:
    """Write an image and return its path. With a `step`, the name is a directory with one image for each step.

    Raises UsageError for a name or an image of an unknown kind.
    """
    parts = name_parts(name)
    stem, suffix = os.path.splitext(parts[-1])
    is_path = isinstance(image, (str, os.PathLike))
    if not suffix:
        suffix = os.path.splitext(os.fspath(image))[1] if is_path else ".png"
    if suffix.lower() not in _SUFFIXES:
        raise UsageError(
            f"{name!r} cannot be the name of an image",
            why=f"the suffix {suffix!r} is not one of {', '.join(_SUFFIXES)}",
            fix='choose another name, such as "confusion.png"',
        )
    last = (stem + suffix,) if step is None else (stem, f"{step}{suffix}")
    target = folder / FOLDER / file_path((*parts[:-1], *last))
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.parent / (temporary_name() + suffix)  # the libraries choose the format by the suffix
    try:
        _save(image, temporary)
        os.replace(temporary, target)
    except BaseException as error:
        with suppress(OSError):
            os.unlink(temporary)
        if isinstance(error, OSError) and error.errno is None:  # PIL's, such as "cannot write mode RGBA as JPEG"
            raise UsageError(f"image {name!r} cannot be written", why=str(error), fix="use the suffix .png") from error
        raise
    return target


def _save(image: Any, path: Path) -> None:
    if isinstance(image, (str, os.PathLike)):
        import shutil  # slow to import

        shutil.copyfile(image, path)
    elif hasattr(image, "savefig"):  # a figure of matplotlib
        image.savefig(path)
    elif hasattr(image, "save") and hasattr(image, "getbbox"):  # an image of PIL
        image.save(path)
    else:
        _image_of_array(image).save(path)


def _image_of_array(array: Any) -> Any:
    """An image of PIL, from an array of the shape (height, width) or (height, width, channels)."""
    try:
        import numpy as np
        from PIL import Image
    except ImportError as error:
        raise UsageError(
            "images of arrays need the extra `data`",
            why=f"{error.name} is not installed",
            fix='pip install "dver[data]"',
        ) from error
    if hasattr(array, "detach"):  # a tensor of PyTorch, perhaps on an accelerator
        array = array.detach().cpu()
    pixels = np.asarray(array)
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    if pixels.dtype.kind in "fb":
        pixels = (np.nan_to_num(pixels.astype(np.float64)).clip(0, 1) * 255).round().astype(np.uint8)
    has_colors = pixels.ndim == 3 and pixels.shape[2] in (3, 4)
    if pixels.dtype != np.uint8 or not (pixels.ndim == 2 or has_colors):
        raise UsageError(
            f"an array of {pixels.dtype} with the shape {pixels.shape} is not an image",
            why="expected the shape (height, width) or (height, width, 1, 3 or 4), with bytes or floats in [0, 1]",
            fix="reshape or scale it, or pass a figure of matplotlib or a path",
        )
    return Image.fromarray(pixels)

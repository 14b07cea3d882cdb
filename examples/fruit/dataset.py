"""Writes the dataset of `dver demo` to the current directory: pictures of fruit, labels and a model.

    python dataset.py first     write the first version
    python dataset.py second    edit, add, delete and rename files of the first version

The bytes are the same on every machine.
"""

from __future__ import annotations

import json
import struct
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Final

CLASSES: Final = ("apple", "banana", "cherry", "lemon", "plum")
PER_CLASS: Final = {"train": 40, "test": 10}
WEIGHTS: Final = 1 << 20
"""The model has this many numbers of four bytes."""

_SIDE: Final = 40
_COLORS: Final = {
    "apple": (190, 40, 30),
    "banana": (240, 210, 60),
    "cherry": (130, 10, 40),
    "lemon": (250, 240, 90),
    "plum": (90, 40, 120),
}


def write_first(project: Path) -> None:
    """Write the first version of `data/` and `models/` below `project`."""
    random = Random(1)
    for split, count in PER_CLASS.items():
        for name in CLASSES:
            for number in range(count):
                _write(_image(project, split, name, number), _picture(name, random))
    for name in CLASSES:
        _write(project / "data" / "boxes" / f"{name}.json", _boxes(project, name, random))
    _write(project / "data" / "labels.csv", _labels(project))
    _write(project / "models" / "net.bin", random.randbytes(4 * WEIGHTS))


def write_second(project: Path) -> None:
    """Change the first version into the second: edit, add, delete and rename files."""
    random = Random(2)
    for number in range(5):
        _write(_image(project, "train", "apple", number), _picture("apple", random))
    for number in range(40, 46):
        _write(_image(project, "train", "cherry", number), _picture("cherry", random))
    for number in (3, 4, 17):
        _image(project, "train", "lemon", number).unlink()
    _image(project, "test", "banana", 9).rename(_image(project, "train", "banana", 40))
    _write(project / "data" / "boxes" / "cherry.json", _boxes(project, "cherry", random))
    _write(project / "data" / "labels.csv", _labels(project))
    _retrain(project / "models" / "net.bin", random)


def _image(project: Path, split: str, name: str, number: int) -> Path:
    return project / "data" / "images" / split / name / f"{name}-{number:03d}.png"


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _picture(name: str, random: Random) -> bytes:
    """Return a PNG: a fruit-coloured disc near the middle, with the noise of a camera."""
    x, y, radius = random.randint(15, 25), random.randint(15, 25), random.randint(9, 14)
    rows = bytearray()
    for row in range(_SIDE):
        rows.append(0)  # PNG's filter of this row: none
        for column in range(_SIDE):
            inside = (row - y) ** 2 + (column - x) ** 2 < radius**2
            noise = random.getrandbits(3)
            rows += bytes(max(0, part - noise) for part in (_COLORS[name] if inside else (235, 235, 230)))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        (
            _chunk(b"IHDR", struct.pack(">IIBBBBB", _SIDE, _SIDE, 8, 2, 0, 0, 0)),
            _chunk(b"IDAT", _stored(bytes(rows))),
            _chunk(b"IEND", b""),
        )
    )


def _stored(content: bytes) -> bytes:
    """Return a zlib stream of one uncompressed block: its bytes do not depend on the version of zlib."""
    length = struct.pack("<HH", len(content), len(content) ^ 0xFFFF)
    return b"\x78\x01\x01" + length + content + struct.pack(">I", zlib.adler32(content))


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _images(project: Path, name: str = "*") -> Iterator[Path]:
    return iter(sorted((project / "data" / "images").glob(f"*/{name}/*.png")))


def _labels(project: Path) -> bytes:
    rows = ["file,split,label"]
    rows += [f"{path.name},{path.parent.parent.name},{path.parent.name}" for path in _images(project)]
    return "\n".join(rows).encode() + b"\n"


def _boxes(project: Path, name: str, random: Random) -> bytes:
    boxes = [
        {"file": path.name, "box": [random.randint(0, 12), random.randint(0, 12), random.randint(26, 40)]}
        for path in _images(project, name)
    ]
    return json.dumps(boxes, indent=1).encode() + b"\n"


def _retrain(model: Path, random: Random) -> None:
    """Change the last tenth of the weights, as fine-tuning of the last layer does."""
    weights = model.read_bytes()
    kept = len(weights) - len(weights) // 10
    model.write_bytes(weights[:kept] + random.randbytes(len(weights) - kept))


if __name__ == "__main__":
    {"first": write_first, "second": write_second}[sys.argv[1]](Path.cwd())

"""Wheels of packages that are installed here, so that tests install them elsewhere without a network."""

from __future__ import annotations

import zipfile
from importlib.metadata import Distribution, distribution
from pathlib import Path


def write_wheels(folder: Path, *names: str) -> Path:
    """Write a wheel of each package to the new directory `folder`."""
    folder.mkdir()
    for name in names:
        _write_wheel(folder, distribution(name))
    return folder


def _write_wheel(folder: Path, installed: Distribution) -> None:
    tags = [line.partition(": ")[2] for line in (installed.read_text("WHEEL") or "").splitlines() if line[:4] == "Tag:"]
    name = installed.metadata["Name"].replace("-", "_").replace(".", "_")
    with zipfile.ZipFile(folder / f"{name}-{installed.version}-{tags[0]}.whl", "w") as wheel:
        for file in installed.files or []:
            if ".." not in file.parts and file.suffix != ".pyc":
                wheel.write(str(file.locate()), str(file))

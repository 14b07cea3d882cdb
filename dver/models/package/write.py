"""Writes a package in one of the formats to a new directory or tar file."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Literal, get_args

from dver.core.progress import Task
from dver.models.package.mlflow_model import write_mlflow
from dver.models.package.oci_layout import write_layout
from dver.models.package.package_files import digests_text, write_package
from dver.models.package.packaged_model import PackagedModel
from dver.models.package.sinks import DirectorySink, PackageSink, PackageWriter, TarSink

PackageFormat = Literal["dver", "mlflow", "oci"]
FORMATS: Final[tuple[PackageFormat, ...]] = get_args(PackageFormat)


def write_new_package(
    packed: PackagedModel, path: bytes, kind: PackageFormat, *, is_tar: bool, task: Task
) -> tuple[PackageWriter, str]:
    """Write the new directory or tar file `path`; what was written, and its digest.

    The digest of an image is the one of its index, and else the one of the list of files and digests. Raises the errors
    of reading the model, and UsageError for a format that does not suit it.
    """
    with _sink(path, packed.version.time, is_tar=is_tar) as sink:
        writer = PackageWriter(sink)
        if kind == "oci":
            with TemporaryDirectory(dir=os.path.dirname(os.fsdecode(path))) as scratch:
                return writer, write_layout(writer, packed, Path(scratch), task)
        write = write_mlflow if kind == "mlflow" else write_package
        write(writer, packed, task)
        return writer, f"sha256:{hashlib.sha256(digests_text(writer)).hexdigest()}"


@contextmanager
def _sink(path: bytes, time: int, *, is_tar: bool) -> Iterator[PackageSink]:
    if not is_tar:
        os.mkdir(path)
        yield DirectorySink(path)
        return
    with open(path, "xb") as file:
        tar = TarSink(file, time)
        yield tar
        tar.close()

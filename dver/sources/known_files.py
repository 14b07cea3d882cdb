"""Content of files at URLs that this clone has stored: a cache, so that updates and repeated imports download the rest.

The file `.git/dver/imports/<hash of the URL>` has one JSON list in a line for each file: name, size, fingerprint and
oid. Lines are appended while files are stored; a line counts only while the object is there.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from blake3 import blake3

from dver.core.files import write_atomic
from dver.core.oid import Oid
from dver.remote.urls.url_info import UrlFile

_BUFFERED: Final = 1 << 16


class KnownFiles:
    """The known files below `url`. Use it in a `with` block, which keeps what was added, also after an error."""

    def __init__(self, directory: Path, url: str) -> None:
        name = blake3(os.fsencode(url)).hexdigest()[:32]
        self._path: Final = directory / name
        self._oids: Final = dict(_read(self._path))
        self._lines: list[str] = []
        self._size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._append()

    def oid(self, file: UrlFile) -> Oid | None:
        """The content that `file` had when its fingerprint was the same."""
        return self._oids.get(file) if is_precise(file.fingerprint) else None

    def add(self, file: UrlFile, oid: Oid) -> None:
        """Remember the content of `file`."""
        if is_precise(file.fingerprint) and self._oids.get(file) != oid:
            self._oids[file] = oid
            self._lines.append(_line(file, oid))
            self._size += len(self._lines[-1])
            if self._size > _BUFFERED:
                self._append()

    def keep_only(self, files: Collection[UrlFile]) -> None:
        """Forget all files but `files`."""
        kept = [_line(file, self._oids[file]) for file in files if file in self._oids]
        self._lines.clear()
        with suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(self._path, "".join(kept).encode(), durable=False)

    def _append(self) -> None:
        lines, self._lines, self._size = self._lines, [], 0
        if lines:
            with suppress(OSError):  # it is a cache
                self._path.parent.mkdir(parents=True, exist_ok=True)
                with open(self._path, "a", encoding="ascii") as file:
                    file.write("".join(lines))


def is_precise(fingerprint: str | None) -> bool:
    """Does the same `fingerprint` mean the same content? A size alone does not."""
    return fingerprint is not None and not fingerprint.startswith("size:")


def _line(file: UrlFile, oid: Oid) -> str:
    return json.dumps([os.fsdecode(file.name), file.url, file.size, file.fingerprint, oid.hex()]) + "\n"


def _read(path: Path) -> Iterable[tuple[UrlFile, Oid]]:
    with suppress(OSError), open(path, encoding="ascii", errors="replace") as lines:
        for line in lines:
            with suppress(ValueError, TypeError):  # a line that a killed process left incomplete
                name, url, size, fingerprint, digits = json.loads(line)
                if (oid := Oid.from_hex(digits)) is not None:
                    yield UrlFile(os.fsencode(name), url, size, fingerprint), oid

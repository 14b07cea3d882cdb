"""The plain content of files of text that may be compressed."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from dver.tables.suffixes import COMPRESSIONS

_TYPICAL_RATIO: Final = 4


@dataclass(frozen=True, slots=True)
class TextFile:
    """A file of text: where it is, its name in errors, and its compression (a suffix, or empty)."""

    path: Path
    name: str
    compression: str

    def open(self) -> Any:
        """The plain content, as a stream of Arrow."""
        import pyarrow as pa

        file = pa.OSFile(os.fsencode(self.path))  # Arrow encodes a text itself, and refuses some names of Linux
        return pa.input_stream(file, compression=COMPRESSIONS.get(self.compression))

    def end(self, size: int) -> bytes:
        """The last bytes of the plain content, at most `size`."""
        if not self.compression:
            with self.path.open("rb") as file:
                file.seek(max(0, self.path.stat().st_size - size))
                return file.read()
        found = b""
        with self.open() as content:
            while piece := content.read(max(size, 1 << 20)):
                found = (found + piece)[-size:]
        return found

    @property
    def about_size(self) -> int:
        """About how large the plain content is."""
        return self.path.stat().st_size * (_TYPICAL_RATIO if self.compression else 1)

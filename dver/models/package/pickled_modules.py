"""The modules whose classes and functions a pickle names. Nothing is unpickled, so nothing is executed."""

from __future__ import annotations

import pickletools
import re
from collections import deque
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, Final

from dver.core.display import Displayed
from dver.models.package.compressed_pickles import DecompressionErrors, decompressed

_MOST_OPCODES: Final = 2_000_000
"""How much of a pickle is read: about two seconds."""
_MODULE: Final = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*", re.ASCII)
_JOBLIB: Final = "joblib.numpy_pickle"
_PIECE: Final = 1 << 20
_MOST_SEARCHED: Final = 64 << 30
"""The number of bytes after which a search for names ends. A small file may be many when it is decompressed."""


@dataclass(frozen=True, slots=True, repr=False)
class PickledModules(Displayed):
    """The modules that a pickle names."""

    names: tuple[str, ...] = ()
    """Dotted, in order."""
    is_joblib: bool = False
    """Is it compressed, or are there arrays of joblib in it? Then `pickle` alone cannot load it."""
    is_pickle: bool = True
    """False if it is encrypted, compressed in an unknown way or something else."""


def pickled_modules(file: IO[bytes], candidates: Collection[str] = ()) -> PickledModules:
    """The modules that `file` names. After arrays of joblib, only the `candidates` are found."""
    found: dict[str, None] = {}
    content = decompressed(file)
    plain = content or file
    is_pickle = False
    # It may end early, at the bytes of an array, or be something else after all.
    with suppress(ValueError, IndexError, OverflowError, RecursionError, MemoryError, *DecompressionErrors):
        is_pickle = plain.read(1) == b"\x80"
        plain.seek(0)
        if is_pickle:
            _read_names(plain, found)
    has_arrays = _JOBLIB in found
    if has_arrays:
        with suppress(*DecompressionErrors):
            _search(plain, found, [name for name in candidates if name not in found])
    return PickledModules(tuple(found), has_arrays or (is_pickle and content is not None), is_pickle)


def _read_names(file: IO[bytes], found: dict[str, None]) -> None:
    memo: dict[int, str | None] = {}
    pushed: deque[str | None] = deque([None, None], maxlen=2)  # what was pushed last, if it was text
    for count, (opcode, argument, _) in enumerate(pickletools.genops(file)):
        name = opcode.name
        if count > _MOST_OPCODES or (name == "BUILD" and _JOBLIB in found):
            return
        if name in ("GLOBAL", "INST"):
            _add(found, str(argument).partition(" ")[0])
        elif name == "STACK_GLOBAL":
            _add(found, pushed[0])
        elif name == "MEMOIZE":
            memo[len(memo)] = pushed[-1]
        elif name in ("PUT", "BINPUT", "LONG_BINPUT"):
            memo[int(argument or 0)] = pushed[-1]
        if name in ("GET", "BINGET", "LONG_BINGET"):
            pushed.append(memo.get(int(argument or 0)))
        elif opcode.stack_after and name not in ("MEMOIZE", "PUT", "BINPUT", "LONG_BINPUT"):
            pushed.append(argument if isinstance(argument, str) else None)


def _add(found: dict[str, None], module: str | None) -> None:
    if module is not None and _MODULE.fullmatch(module):
        found[module] = None


def _search(file: IO[bytes], found: dict[str, None], candidates: list[str]) -> None:
    """Find the names of `candidates` among the bytes of `file`, as pickles write them."""
    if not candidates:
        return
    patterns = {_as_pickled(name): name for name in candidates}
    overlap = max(map(len, patterns))
    file.seek(0)
    before, left = b"", _MOST_SEARCHED
    while patterns and left > 0 and (piece := file.read(_PIECE)):
        left -= len(piece)
        window = before + piece
        for pattern in [one for one in patterns if one in window]:
            found[patterns.pop(pattern)] = None
        before = window[-overlap:]


def _as_pickled(name: str) -> bytes:
    encoded = name.encode()
    return b"\x8c" + bytes([len(encoded)]) + encoded if len(encoded) < 256 else encoded

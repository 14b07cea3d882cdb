"""The number of distinct values: exact for few values, HyperLogLog for more.

Values enter as 64-bit hashes (`hashing.py`). The encoding is in docs/format/profile.md.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final, Self

from dver.core.errors import CorruptError

if TYPE_CHECKING:
    from numpy.typing import NDArray

EXACT_MAX: Final = 512
"""The most hashes that are kept."""
REGISTERS: Final = 1 << 12
RELATIVE_ERROR: Final = 1.04 / math.sqrt(REGISTERS)
"""The standard error of an estimate: 1.6 %."""
_RANK_BITS: Final = 52
_RANK_MAX: Final = _RANK_BITS + 1
_EXACT: Final = b"E"
_REGISTERS: Final = b"H"


class Distinct:
    """Distinct values by their hashes."""

    __slots__ = ("_hashes", "_registers")

    def __init__(self, *, exact: bool = True) -> None:
        """`exact=False` keeps no hashes: they would reveal private values."""
        import numpy as np

        self._hashes: Any = np.empty(0, "<u8") if exact else None
        """All hashes, ascending, until there are too many; then None."""
        self._registers: Any = None if exact else np.zeros(REGISTERS, "u1")

    @classmethod
    def of(cls, encoded: bytes) -> Self:
        """Decode `encoded`. Raises CorruptError for bytes that `encode` does not write."""
        import numpy as np

        found, kind, content = cls(), encoded[:1], encoded[1:]
        if kind == _EXACT and len(content) % 8 == 0 and len(content) <= 8 * EXACT_MAX:
            found._hashes = np.frombuffer(content, "<u8")
            good = bool((found._hashes[1:] > found._hashes[:-1]).all())
        elif kind == _REGISTERS and len(content) == REGISTERS:
            found._hashes, found._registers = None, np.frombuffer(content, "u1").copy()
            good = int(found._registers.max()) <= _RANK_MAX
        else:
            good = False
        if not good:
            raise _corrupt()
        return found

    @classmethod
    def merged(cls, encoded: Iterable[bytes], *, exact: bool = True) -> Self:
        """The distinct values of several encoded sketches together: faster than one `merge` after the other.

        Raises CorruptError for bytes that `encode` does not write.
        """
        import numpy as np

        found = cls(exact=exact)
        hashes, registers = [], []
        for one in encoded:
            kind, size = one[:1], len(one) - 1
            if kind == _EXACT and size % 8 == 0 and size <= 8 * EXACT_MAX:
                hashes.append(memoryview(one)[1:])
            elif kind == _REGISTERS and size == REGISTERS:
                registers.append(np.frombuffer(one, "u1", offset=1))
            else:
                raise _corrupt()
        if registers:
            found._hashes, found._registers = None, np.maximum.reduce(registers)
            if int(found._registers.max()) > _RANK_MAX:
                raise _corrupt()
        if hashes:
            found.update_hashes(np.frombuffer(b"".join(hashes), "<u8"))
        return found

    def update_hashes(self, hashes: NDArray[Any]) -> None:
        """Add an array of hashes (unsigned 64-bit integers)."""
        import numpy as np

        if self._hashes is not None:
            self._hashes = np.union1d(self._hashes, hashes)
            if len(self._hashes) <= EXACT_MAX:
                return
            hashes, self._hashes, self._registers = self._hashes, None, np.zeros(REGISTERS, "u1")
        places = (hashes >> np.uint64(_RANK_BITS)).astype(np.intp)
        rest = (hashes & np.uint64((1 << _RANK_BITS) - 1)).astype("f8").view("u8")
        # The exponent of a double is the place of its highest bit: 52 bits fit exactly, and 0 has exponent 0.
        exponents = (rest >> np.uint64(52)).astype(np.int64)
        ranks = np.where(exponents, _RANK_BITS + 1023 - exponents, _RANK_MAX).astype("u1")
        larger = ranks > self._registers[places]
        np.maximum.at(self._registers, places[larger], ranks[larger])

    def merge(self, other: Distinct) -> None:
        """Add all values of `other`, which stays as it is."""
        import numpy as np

        if other._hashes is not None:
            self.update_hashes(other._hashes)
            return
        if self._hashes is not None:
            hashes, self._hashes, self._registers = self._hashes, None, other._registers.copy()
            self.update_hashes(hashes)
        else:
            np.maximum(self._registers, other._registers, out=self._registers)

    def estimate(self) -> int:
        """The number of distinct values: exact up to 512, then with a standard error of 1.6 %."""
        if self._hashes is not None:
            return len(self._hashes)
        import numpy as np

        return round(_estimated(np.bincount(self._registers, minlength=_RANK_MAX + 1)))

    @property
    def exact(self) -> bool:
        """Is the number exact?"""
        return self._hashes is not None

    def encode(self) -> bytes:
        """The bytes of the sketch."""
        if self._hashes is not None:
            return _EXACT + bytes(self._hashes.tobytes())
        return _REGISTERS + bytes(self._registers.tobytes())


def _estimated(counts: Any) -> float:
    """Ertl's estimator, from the number of registers of each rank: good for few and for many values.

    Otmar Ertl, New cardinality estimation algorithms for HyperLogLog sketches (2017), algorithm 6.
    """
    total = REGISTERS * _tau(1 - counts[_RANK_MAX] / REGISTERS)
    for rank in range(_RANK_BITS, 0, -1):
        total = 0.5 * (total + counts[rank])
    total += REGISTERS * _sigma(counts[0] / REGISTERS)
    return 0.0 if math.isinf(total) else float(REGISTERS**2 / (2 * math.log(2)) / total)


def _sigma(share: float) -> float:
    if share == 1:
        return math.inf
    power, factor, total = share, 1.0, share
    while True:
        power *= power
        before, total = total, total + power * factor
        if total == before:
            return total
        factor *= 2


def _tau(share: float) -> float:
    if share in (0, 1):
        return 0.0
    factor, total = 1.0, 1 - share
    while True:
        share = math.sqrt(share)
        factor *= 0.5
        before, total = total, total - (1 - share) ** 2 * factor
        if total == before:
            return total / 3


def _corrupt() -> CorruptError:
    return CorruptError("a damaged profile", why="a sketch of distinct values cannot be read")

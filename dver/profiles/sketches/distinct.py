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
REGISTERS_MIN: Final = 1 << 8
"""A sketch that was shrunk has fewer registers: a power of two, at least this."""
_RANK_BITS: Final = 52
_EXACT: Final = b"E"
_REGISTERS: Final = b"H"
_SIZES: Final = tuple(REGISTERS_MIN << shift for shift in range(5))


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
        elif kind == _REGISTERS and len(content) in _SIZES:
            found._hashes, found._registers = None, np.frombuffer(content, "u1").copy()
            good = int(found._registers.max()) <= _rank_max(len(content))
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
        hashes: list[memoryview] = []
        registers: dict[int, list[Any]] = {}
        for one in encoded:
            kind, size = one[:1], len(one) - 1
            if kind == _EXACT and size % 8 == 0 and size <= 8 * EXACT_MAX:
                hashes.append(memoryview(one)[1:])
            elif kind == _REGISTERS and size in _SIZES:
                registers.setdefault(size, []).append(np.frombuffer(one, "u1", offset=1))
            else:
                raise _corrupt()
        for size, same in registers.items():
            largest = np.maximum.reduce(same)
            if int(largest.max()) > _rank_max(size):
                raise _corrupt()
            found._add_registers(largest)
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
        _add_hashes(self._registers, hashes)

    def merge(self, other: Distinct) -> None:
        """Add all values of `other`, which stays as it is. Fewer registers of one of them remain fewer."""
        if other._hashes is not None:
            self.update_hashes(other._hashes)
        else:
            self._add_registers(other._registers)

    def shrink(self, registers: int) -> None:
        """Keep at most this number of registers, a power of two, or hashes if they are fewer bytes."""
        import numpy as np

        if self._hashes is not None:
            if 8 * len(self._hashes) > registers:
                hashes, self._hashes, self._registers = self._hashes, None, np.zeros(registers, "u1")
                _add_hashes(self._registers, hashes)
        elif len(self._registers) > registers:
            self._registers = _folded(self._registers, registers)

    def _add_registers(self, registers: NDArray[Any]) -> None:
        import numpy as np

        if self._hashes is not None:
            hashes, self._hashes, self._registers = self._hashes, None, registers.copy()
            _add_hashes(self._registers, hashes)
            return
        size = min(len(registers), len(self._registers))
        self._registers = np.maximum(_folded(registers, size), _folded(self._registers, size))

    def estimate(self) -> int:
        """The number of distinct values: exact up to 512, then with the standard error `relative_error`."""
        if self._hashes is not None:
            return len(self._hashes)
        import numpy as np

        return round(_estimated(np.bincount(self._registers, minlength=_rank_max(len(self._registers)) + 1)))

    @property
    def exact(self) -> bool:
        """Is the number exact?"""
        return self._hashes is not None

    @property
    def relative_error(self) -> float:
        """The standard error of the estimate, as a share of it: 1.6 % with all registers; 0 if it is exact."""
        return 0.0 if self._hashes is not None else 1.04 / math.sqrt(len(self._registers))

    def encode(self) -> bytes:
        """The bytes of the sketch."""
        if self._hashes is not None:
            return _EXACT + bytes(self._hashes.tobytes())
        return _REGISTERS + bytes(self._registers.tobytes())


def _rank_max(registers: int) -> int:
    """The largest rank: each halving of the registers leaves one more bit of a hash to it."""
    return _RANK_BITS + 1 + (REGISTERS // registers).bit_length() - 1


def _add_hashes(registers: NDArray[Any], hashes: NDArray[Any]) -> None:
    import numpy as np

    if len(registers) < REGISTERS:
        all_registers = np.zeros(REGISTERS, "u1")
        _add_hashes(all_registers, hashes)
        np.maximum(registers, _folded(all_registers, len(registers)), out=registers)
        return
    places = (hashes >> np.uint64(_RANK_BITS)).astype(np.intp)
    rest = (hashes & np.uint64((1 << _RANK_BITS) - 1)).astype("f8").view("u8")
    # The exponent of a double is the place of its highest bit: 52 bits fit exactly, and 0 has exponent 0.
    exponents = (rest >> np.uint64(52)).astype(np.int64)
    ranks = np.where(exponents, _RANK_BITS + 1023 - exponents, _rank_max(REGISTERS)).astype("u1")
    larger = ranks > registers[places]
    np.maximum.at(registers, places[larger], ranks[larger])


def _folded(registers: NDArray[Any], size: int) -> NDArray[Any]:
    """The registers that the same hashes have if there are only `size` of them.

    Bits that no longer choose a register are the first ones of a rank.
    """
    import numpy as np

    group = len(registers) // size
    if group == 1:
        return registers
    bits = group.bit_length() - 1
    grouped = registers.reshape(size, group)
    first = np.where(grouped[:, 0], grouped[:, 0] + bits, 0)
    ranks = np.array([bits + 1 - at.bit_length() for at in range(1, group)], "u1")
    folded: NDArray[Any] = np.maximum(first, ((grouped[:, 1:] > 0) * ranks).max(axis=1)).astype("u1")
    return folded


def _estimated(counts: Any) -> float:
    """Ertl's estimator, from the number of registers of each rank: good for few and for many values.

    Otmar Ertl, New cardinality estimation algorithms for HyperLogLog sketches (2017), algorithm 6.
    """
    registers, last = int(counts.sum()), len(counts) - 1
    total = registers * _tau(1 - counts[last] / registers)
    for rank in range(last - 1, 0, -1):
        total = 0.5 * (total + counts[rank])
    total += registers * _sigma(counts[0] / registers)
    return 0.0 if math.isinf(total) else float(registers**2 / (2 * math.log(2)) / total)


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

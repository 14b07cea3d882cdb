"""Sequences in a decoded profile, whose bytes are read only when an item is asked for."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import Generic, TypeVar, overload

_Item = TypeVar("_Item", covariant=True)


class EncodedSequence(Sequence[_Item], Generic[_Item]):
    """A sequence as bytes. They are read when an item is asked for; that raises CorruptError if they are damaged."""

    __slots__ = ("_found", "encoded")

    def __init__(self, encoded: bytes) -> None:
        self.encoded = encoded
        self._found: tuple[_Item, ...] | None = None

    @abstractmethod
    def _decoded(self) -> tuple[_Item, ...]:
        """All items. Raises CorruptError."""

    @property
    def _items(self) -> tuple[_Item, ...]:
        if self._found is None:
            self._found = self._decoded()
        return self._found

    @overload
    def __getitem__(self, index: int) -> _Item: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[_Item, ...]: ...
    def __getitem__(self, index: int | slice) -> _Item | tuple[_Item, ...]:
        return self._items[index]

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[_Item]:
        return iter(self._items)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and self._items == tuple(other)

    def __hash__(self) -> int:
        return hash(self._items)

    def __repr__(self) -> str:
        return repr(self._items)

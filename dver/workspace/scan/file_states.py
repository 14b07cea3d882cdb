"""Digests of `lstat` results, which change with any write to a file or its replacement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from xxhash import xxh3_128

from dver.workspace.scan.stat_cache import fingerprint, without_ctime


class FileStates:
    """One digest per scanned file or directory.

    `ctimes` can be left out: they change with a file's other hard links, too.
    """

    def __init__(self, *, ctimes: bool = True) -> None:
        self._ctimes = ctimes
        self._digests: dict[bytes, xxh3_128] = {}
        self._current = xxh3_128()

    def begin(self, name: bytes) -> None:
        """Start the digest of `name`."""
        self._current = self._digests[name] = xxh3_128()

    def note(self, keys: Sequence[bytes], names: Sequence[bytes]) -> None:
        """Add the stat keys of files; those of directories are empty."""
        if not self._ctimes:
            keys = [without_ctime(key) if key else key for key in keys]
        self._current.update(fingerprint(keys, names))

    def digests(self) -> Mapping[bytes, bytes]:
        """The digests by name."""
        return {name: one.digest() for name, one in self._digests.items()}

"""The states of files: a digest of what `lstat` says of each, which any write or replacement changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from xxhash import xxh3_128

from dver.workspace.scan.stat_cache import fingerprint, without_ctime


class FileStates:
    """One digest for each file or directory that a scan was asked for.

    Without `ctimes`, they leave out ctimes: that of a file changes with its other hard links, too.
    """

    def __init__(self, *, ctimes: bool = True) -> None:
        self._ctimes = ctimes
        self._digests: dict[bytes, xxh3_128] = {}
        self._current = xxh3_128()

    def begin(self, name: bytes) -> None:
        """What is noted from now on belongs to `name`."""
        self._current = self._digests[name] = xxh3_128()

    def note(self, keys: Sequence[bytes], names: Sequence[bytes]) -> None:
        """Add files by their stat keys; those of directories are empty."""
        if not self._ctimes:
            keys = [without_ctime(key) if key else key for key in keys]
        self._current.update(fingerprint(keys, names))

    def digests(self) -> Mapping[bytes, bytes]:
        """The digests by name."""
        return {name: one.digest() for name, one in self._digests.items()}

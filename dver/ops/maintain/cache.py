"""`dver cache`: the user's cache of data from remotes and other repositories."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from dver.access.cache import CachedObjects, ObjectCache
from dver.access.cached_mirrors import CachedMirror, cached_mirrors, remove_mirror
from dver.core.cache_dir import user_cache_dir
from dver.core.display import Displayed


@dataclass(frozen=True, slots=True, repr=False)
class CacheContents(Displayed):
    """What the user's cache has. `limit` is the size limit of the objects in bytes."""

    directory: Path
    limit: int
    objects: CachedObjects
    mirrors: tuple[CachedMirror, ...]

    @property
    def size(self) -> int:
        """Bytes of everything."""
        return self.objects.size + sum(one.size for one in self.mirrors)


def list_cache() -> CacheContents:
    """The objects and mirrors in the user's cache."""
    cache = ObjectCache.of_user()
    return CacheContents(user_cache_dir(), cache.limit, cache.summary(), tuple(cached_mirrors(user_cache_dir())))


def clear_cache(*, objects: bool = True, mirrors: bool = True, unused_for: float | None = None) -> CacheContents:
    """Delete objects and mirrors from the user's cache; with `unused_for`, those unused for this number of seconds.

    Returns what was deleted.
    """
    before = None if unused_for is None else time.time() - unused_for
    cache = ObjectCache.of_user()
    gone = cache.clear(before) if objects else CachedObjects()
    chosen = [one for one in cached_mirrors(user_cache_dir()) if mirrors and (before is None or one.last_used < before)]
    for mirror in chosen:
        remove_mirror(mirror)
    return CacheContents(user_cache_dir(), cache.limit, gone, tuple(chosen))

"""`dver cache`: the user's cache of data from remotes and other repositories."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from dver.access.cache import CachedObjects, ObjectCache
from dver.access.cached_mirrors import CachedMirror, cached_mirrors, remove_mirror
from dver.core.cache_dir import user_cache_dir
from dver.core.display import Displayed
from dver.models.cached_copies import CachedCopy, cached_copies, remove_copy


@dataclass(frozen=True, slots=True, repr=False)
class CacheContents(Displayed):
    """What the user's cache has. `limit` is the size limit of the objects in bytes."""

    directory: Path
    limit: int
    objects: CachedObjects
    mirrors: tuple[CachedMirror, ...]
    models: tuple[CachedCopy, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of everything."""
        return self.objects.size + sum(one.size for one in self.mirrors) + sum(one.size for one in self.models)


def list_cache() -> CacheContents:
    """The objects, mirrors and models in the user's cache."""
    directory = user_cache_dir()
    cache = ObjectCache.of_user()
    mirrors, models = tuple(cached_mirrors(directory)), tuple(cached_copies(directory))
    return CacheContents(directory, cache.limit, cache.summary(), mirrors, models)


def clear_cache(
    *, objects: bool = True, mirrors: bool = True, models: bool = True, unused_for: float | None = None
) -> CacheContents:
    """Delete objects, mirrors and models from the user's cache.

    With `unused_for`, only what was not used for this number of seconds. Returns what was deleted.
    """
    directory = user_cache_dir()
    before = time.time() + 1 if unused_for is None else time.time() - unused_for
    cache = ObjectCache.of_user()
    gone = cache.clear(None if unused_for is None else before) if objects else CachedObjects()
    old_mirrors = tuple(one for one in cached_mirrors(directory) if mirrors and one.last_used < before)
    old_models = tuple(one for one in cached_copies(directory) if models and one.last_used < before)
    for mirror in old_mirrors:
        remove_mirror(mirror)
    for copy in old_models:
        remove_copy(copy)
    return CacheContents(directory, cache.limit, gone, old_mirrors, old_models)

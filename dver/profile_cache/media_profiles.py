"""The profiles of the images, recordings and texts of a directory: each content is measured once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from dver.core.batches import batched
from dver.core.errors import CorruptError, UsageError
from dver.core.oid import Oid
from dver.core.progress import SILENT, Task
from dver.core.worker_pool import Report
from dver.formats import measurements as measurements_format
from dver.formats.measurements import Measurements
from dver.formats.profile import PROFILER, CollectionKind, CollectionProfile
from dver.formats.tree import Kind
from dver.profile_cache.data_content import DataContent, copies_on_disk, unchanged_in_workspace
from dver.profile_cache.file_profiles import MEASUREMENTS, DirectoryProfile, directory_profiles
from dver.profile_cache.kept_objects import read_blob
from dver.profiles.media.collections import CollectionPlan, ListedFile, plan_collections
from dver.profiles.media.measure import measure_files
from dver.profiles.media.media_profile import media_collections, write_media_table
from dver.repo import Repository

KINDS: Final = (CollectionKind.IMAGES, CollectionKind.AUDIO, CollectionKind.TEXT)
_VERSIONS: Final = 8
"""The most profiles of other versions that are searched for measurements."""
_COPIES: Final = 1000
"""Files that are copied from the store at a time."""


def write_media_rows(repo: Repository, data: DataContent, collection: str, to: Path) -> None:
    """Write an Arrow file with a row for each readable file of a collection: its path, and its measurements.

    Files that are not measured yet are read. Raises UsageError for a collection that `data` does not have, and
    MissingObjectError for files that are neither measured nor here.
    """
    plan = collection_plan(data)
    group = next((one for one in plan.media if one.name == collection), None)
    if group is None:
        raise UsageError(f"no collection {collection!r}", fix=f"collections: {[one.name for one in plan.media]}")
    wanted = {file.oid: file for file in group.files}
    with SILENT.task("profile") as task:
        media = MediaProfiles(repo, data, frozenset(), task)
        found = media.measurements(group.kind, wanted, directory_profiles(repo, data.path), 0)
    write_media_table(group, found, to)


def collection_plan(data: DataContent) -> CollectionPlan:
    """The collections of `data`."""
    files = (ListedFile(path, entry.oid, entry.size) for path, entry in data.files())
    return plan_collections(files, single=data.entry.kind is not Kind.DIRECTORY)


class MediaProfiles:
    """Profiles the media of `data`."""

    def __init__(self, repo: Repository, data: DataContent, private: frozenset[str], task: Task) -> None:
        self._repo = repo
        self._data = data
        self._private = private
        self._task = task
        self._measurements: dict[CollectionKind, Measurements] = {}
        self.measured = 0
        """Files that were read."""

    def collections(self, plan: CollectionPlan, known: Sequence[DirectoryProfile]) -> Iterator[CollectionProfile]:
        """The collections of `plan`. `known` are the profiles of other versions, the nearest first."""
        for kind in KINDS:
            wanted = plan.media_oids(kind)
            if wanted:
                left = sum(file.size for group in plan.media if group.kind is kind for file in group.files)
                self._measurements[kind] = self.measurements(kind, wanted, known, left)
        return media_collections(plan.media, self._measurements, private=self._private)

    def contents(self) -> dict[bytes, bytes]:
        """The measurements to keep, by the names of their entries."""
        return {
            MEASUREMENTS + kind.value.encode(): measurements_format.encode(found)
            for kind, found in self._measurements.items()
        }

    def measurements(
        self, kind: CollectionKind, wanted: Mapping[Oid, ListedFile], known: Sequence[DirectoryProfile], size: int
    ) -> Measurements:
        """The measurements of `wanted`, whose files have `size` bytes: those of `known`, or new ones."""
        found = self._known(kind, wanted, known)
        measured = set(found.oids) if found is not None else set()
        missing = {oid: file for oid, file in wanted.items() if oid not in measured}
        new_size = sum(file.size for file in missing.values())
        self._task.advance(size - new_size)
        if not missing and found is not None:
            return found
        mean = new_size / max(1, len(missing))
        new = self._measure(kind, missing, lambda count: self._task.advance(round(count * mean)))
        self.measured += len(missing)
        return new if found is None else found.joined(new)

    def _known(
        self, kind: CollectionKind, wanted: Mapping[Oid, ListedFile], known: Sequence[DirectoryProfile]
    ) -> Measurements | None:
        """The measurements of other versions, as far as they are about `wanted`."""
        found: Measurements | None = None
        read: set[Oid] = set()
        for one in known[:_VERSIONS]:
            entry = one.parts.get(MEASUREMENTS + kind.value.encode())
            if entry is None or entry.oid in read:
                continue
            read.add(entry.oid)
            content = read_blob(self._repo, entry.oid)
            with suppress(CorruptError):
                said = measurements_format.decode(content) if content is not None else None
                if said is not None and said.profiler == PROFILER and said.kind is kind:
                    new = said.selected(wanted)
                    found = new if found is None else found.joined(new)
            if found is not None and len(found.oids) == len(wanted):
                break
        return found

    def _measure(self, kind: CollectionKind, files: Mapping[Oid, ListedFile], report: Report) -> Measurements:
        """Measure files of the workspace, and copies of those that are only in the store."""
        with unchanged_in_workspace(self._repo, self._data, files) as here:
            found = measure_files(kind, here, report=report)
        for batch in batched([file for oid, file in files.items() if oid not in here], _COPIES):
            with copies_on_disk(self._repo, [(file.path, file.oid) for file in batch]) as copies:
                found = found.joined(measure_files(kind, copies, report=report))
        return found

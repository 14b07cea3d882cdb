"""Updates of imports of URLs."""

from __future__ import annotations

from dataclasses import dataclass

from dver.core.progress import Progress
from dver.formats.pointer import UndownloadedPointer
from dver.formats.pointer_source import UrlSource
from dver.formats.tree import Entry
from dver.remote.urls.url_files import UrlFiles
from dver.repo import Repository
from dver.sources.imports import ImportedData
from dver.sources.url_content import SourceListing, list_source, source_of, store_content


@dataclass(frozen=True, slots=True)
class UrlUpdate:
    """What the source of an import has now. See `SourceUpdate`."""

    sources: UrlFiles
    listing: SourceListing
    source: UrlSource
    changed: bool

    def download(self, repo: Repository, progress: Progress) -> tuple[Entry, int]:
        """See `SourceUpdate`."""
        return store_content(repo, self.sources, self.listing, progress=progress)


def query_url(sources: UrlFiles, data: ImportedData, source: UrlSource) -> UrlUpdate:
    """Ask the source of `data` for its fingerprint. Without one, the content has to be downloaded and compared."""
    listing = list_source(sources, source.url)
    now = source_of(listing)
    downloaded = not isinstance(data.pointer, UndownloadedPointer)
    return UrlUpdate(sources, listing, now, changed=not downloaded or now.fingerprint is None or now != source)

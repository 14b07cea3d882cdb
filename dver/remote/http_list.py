"""What is on a remote that is read through a web server.

Found out by the first of these that works: the web page that the server makes of a folder, S3's list request, the
listing that pushes leave (docs/format/listing.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, unquote, urlencode, urlsplit

from dver.core.errors import RemoteError
from dver.core.oid import Oid
from dver.formats import listing
from dver.remote.http_client import Answer, Client, HttpError
from dver.remote.http_pages import PAGE_MAX, Folder, parse_bucket, parse_folder
from dver.remote.listing import LISTED, LISTING_KEY
from dver.remote.pool import in_parallel
from dver.remote.retry import TransientError
from dver.remote.storage import RESERVED, ObjectInfo, checked_key, short_read

if TYPE_CHECKING:
    from dver.remote.settings import RemoteSettings

_DEEPEST: Final = 16
_FOLDERS_MAX: Final = 10_000
"""Directories whose pages are read for one list: a remote has two."""
LISTED_MAX: Final = 1_000_000
"""Names that one list may have."""
_FRESH: Final = {"Cache-Control": "no-cache"}
_PATH_STYLE: Final = ("s3.", "s3-", "storage.", "minio.", "localhost", "127.", "[")

Way = Callable[[str], Iterator[ObjectInfo]]


class Lister:
    """Lists what is below `root`, an address. How, is found out at the first list and kept."""

    def __init__(
        self, client: Client, root: str, settings: RemoteSettings, stat: Callable[[str], ObjectInfo | None]
    ) -> None:
        """`stat` tells the size of an object where no list does."""
        self._client: Final = client
        self._root: Final = root
        self._url: Final = settings.url
        self._name: Final = settings.name
        self._stat: Final = stat
        self._way: Way | None = None
        self._bucket = ""
        self._sizes: dict[str, int] = {}

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """See `Storage.list`."""
        if self._way is None:
            self._way = self._find_way()
        for number, info in enumerate(self._way(prefix)):
            if number == LISTED_MAX:
                raise self._cannot_list(f"its list has more than {LISTED_MAX:,} names, or no end")
            yield info

    def _find_way(self) -> Way:
        """The first way to list that works here."""
        page = self._page(f"{self._root}/")
        if page is not None:
            if parse_bucket(page) is not None:
                self._bucket = f"{self._root}/"
                return self._list_bucket
            folder = parse_folder(page, f"{self._root}/")
            names = {link.name for link in folder.links if link.is_folder}
            if folder.titled or names & {"indexes", "packs"}:
                return self._list_folders
        for bucket in _buckets(self._root):
            page = self._page(f"{bucket}?{urlencode({'list-type': 2, 'max-keys': 1})}")
            if page is not None and parse_bucket(page) is not None:
                self._bucket = bucket
                return self._list_bucket
        return self._list_by_listing

    def _page(self, url: str, most: int = PAGE_MAX) -> bytes | None:
        """A page in which something may be listed; None if there is none, or it is not for us."""

        def take(answer: Answer) -> bytes | None:
            if answer.status != 200:
                return None
            content = answer.read(most + 1)
            if len(content) > most:
                raise self._cannot_list(f"its list is larger than {most >> 20} MiB")
            if answer.length is not None and len(content) < answer.length:
                broken = short_read(self._url, "the list", wanted=answer.length, got=len(content))
                raise TransientError(broken.what, why=broken.why, fix=broken.fix)
            return content

        try:
            return self._client.call(url, take, "list", headers=_FRESH)
        except HttpError:
            return None

    def _list_folders(self, prefix: str) -> Iterator[ObjectInfo]:
        """From the pages of the folders, each read once."""
        unsized: list[str] = []
        folders = [prefix.rpartition("/")[0]]
        read = 0
        while folders:
            folder = folders.pop()
            read += 1
            if read + len(folders) > _FOLDERS_MAX or len(unsized) > LISTED_MAX:
                raise self._cannot_list("there are too many directories or names in it")
            for link in self._folder(folder).links:
                key = f"{folder}/{link.name}" if folder else link.name
                if not _is_key(key) or not (key.startswith(prefix) or prefix.startswith(f"{key}/")):
                    continue
                if link.is_folder:
                    folders += [key] if key.count("/") < _DEEPEST else []
                elif link.size is not None:
                    yield ObjectInfo(key, link.size)
                else:
                    unsized.append(key)
        yield from self._sized(unsized)

    def _folder(self, folder: str) -> Folder:
        url = f"{self._root}/{quote(folder)}/" if folder else f"{self._root}/"
        page = self._page(url)
        return Folder((), titled=False) if page is None else parse_folder(page, url)

    def _sized(self, keys: Iterable[str]) -> Iterator[ObjectInfo]:
        """With their sizes: from the listing as far as it has them, else by asking, once for each."""
        rest = [key for key in keys if key not in self._sizes]
        if any(key.startswith(LISTED) for key in rest):
            self._sizes |= self._read_listing() or {}
            rest = [key for key in keys if key not in self._sizes]
        for info in in_parallel(self._stat, rest):
            if info is not None:
                self._sizes[info.key] = info.size
        yield from (ObjectInfo(key, self._sizes[key]) for key in keys if key in self._sizes)

    def _list_bucket(self, prefix: str) -> Iterator[ObjectInfo]:
        """By S3's list request, page after page."""
        top = _below(self._bucket, self._root)
        query: dict[str, str] = {"list-type": "2", "prefix": top + prefix}
        seen: set[Oid] = set()
        while True:
            page = self._page(f"{self._bucket}?{urlencode(query, quote_via=quote)}")
            found = None if page is None else parse_bucket(page)
            if found is None:
                raise self._cannot_list("the bucket does not allow it any more")
            for name, size in found.objects:
                key = name.removeprefix(top)
                # Some tools make empty objects that stand for folders.
                if name.startswith(top + prefix) and _is_key(key):
                    yield ObjectInfo(key, size)
            if not found.more:
                return
            step = Oid.of(repr(found.more).encode("utf-8", "surrogateescape"))
            if step in seen or len(seen) > LISTED_MAX:
                raise self._cannot_list("the server gives the same part of its list again and again")
            seen.add(step)
            query |= found.more

    def _list_by_listing(self, prefix: str) -> Iterator[ObjectInfo]:
        """From the file that pushes leave: it has what is below `indexes/` and nothing else."""
        sizes = self._read_listing()
        if sizes is None:
            raise self._cannot_list(f"the server lists nothing, and there is no file {LISTING_KEY!r} to say it")
        if not prefix.startswith(LISTED):
            raise self._cannot_list(f"the server lists nothing, and {LISTING_KEY!r} is about {LISTED!r} only")
        yield from (ObjectInfo(key, size) for key, size in sizes.items() if key.startswith(prefix))

    def _read_listing(self) -> dict[str, int] | None:
        """Keys and sizes in the listing; None if there is none."""
        content = self._page(f"{self._root}/{LISTING_KEY}", listing.SIZE_MAX)
        if content is None or content.lstrip()[:1] == b"<":  # a page in place of what is missing
            return None
        return {LISTED + name: size for name, size in listing.decode(content).items()}

    def _cannot_list(self, why: str) -> RemoteError:
        return RemoteError(
            f"cannot find out what is on {self._url}",
            why=why,
            fix=f"correct the address: `dver remote set {self._name} url URL`; what is behind it, push to once more",
        )


def _buckets(root: str) -> Iterator[str]:
    """The addresses at which a bucket may be that has `root`: its name is in the host's, or comes first in the path."""
    parts = urlsplit(root)
    top = f"{parts.scheme}://{parts.netloc}/"
    first = parts.path.strip("/").partition("/")[0]
    found = [top, f"{top}{first}"] if first else [top]
    yield from reversed(found) if parts.netloc.startswith(_PATH_STYLE) else found


def _below(bucket: str, root: str) -> str:
    """The prefix of the keys of the remote at `root` in the bucket at `bucket`."""
    rest = unquote(root.removeprefix(bucket.rstrip("/"))).strip("/")
    return f"{rest}/" if rest else ""


def _is_key(key: str) -> bool:
    try:
        checked_key(key)
    except ValueError:
        return False
    return not any(part.startswith(RESERVED) for part in key.split("/"))

"""Fingerprints of the dependencies that are outside of the repository: URLs, and absolute paths."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from functools import cached_property
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from dver.access.data_urls import PREFIX, parse_data_url, parse_model_url
from dver.core.errors import DverError, StageError, UsageError
from dver.core.oid import Oid
from dver.remote.parallel import in_parallel
from dver.remote.urls.url_info import UrlNotFound, shown
from dver.repo import Repository

if TYPE_CHECKING:
    from dver.remote.urls.url_files import UrlFiles

_REMOTE: Final = "remote://"
_JOBS: Final = 8
_HASHED_MAX: Final = 256 << 20
"""Bytes of the largest file that is hashed because its server has no fingerprint for it."""


class ExternalFingerprints:
    """Asks for fingerprints, each once until `forget`. See `dver.remote.urls.url_info` for the texts."""

    def __init__(self, repo: Repository) -> None:
        self._repo = repo
        self._known: dict[str, str | DverError | None] = {}

    def load(self, urls: Iterable[str]) -> None:
        """Ask for many fingerprints in parallel. The errors of single addresses are raised by `of`."""
        wanted = [url for url in dict.fromkeys(urls) if url not in self._known]
        if wanted:
            _ = self._files
            with closing(in_parallel(self._find_or_error, wanted, jobs=_JOBS)) as found:
                self._known.update(zip(wanted, found, strict=True))

    def of(self, url: str) -> str | None:
        """The fingerprint of what is at `url`; None if nothing is. Raises RemoteError, UsageError, StageError."""
        self.load((url,))
        found = self._known[url]
        if isinstance(found, DverError):
            raise found
        return found

    def forget(self, urls: Iterable[str]) -> None:
        """Ask again for these when they are next needed."""
        for url in urls:
            self._known.pop(url, None)

    @cached_property
    def _files(self) -> UrlFiles:
        return self._repo.remotes.url_files(self._repo.root)

    def _find_or_error(self, url: str) -> str | DverError | None:
        try:
            return self._find(url)
        except DverError as error:
            return error

    def _find(self, url: str) -> str | None:
        if url.startswith(PREFIX):
            return self._of_data(url)
        address = self._of_remote(url) if url.startswith(_REMOTE) else url
        try:
            info = self._files.info(address)
            return info.fingerprint or self._hashed(address, info.size)
        except UrlNotFound:
            return None

    def _hashed(self, url: str, size: int | None) -> str:
        if size is None or size > _HASHED_MAX:
            raise StageError(
                f"cannot tell whether {shown(url)} has changed",
                why="its server has no ETag, time or size for it",
                fix="track a copy: dver import-url " + shown(url),
            )
        return f"content:{Oid.of(b''.join(self._files.pieces(url)))}"

    def _of_remote(self, url: str) -> str:
        name, _, path = url.removeprefix(_REMOTE).partition("/")
        return f"{self._repo.remotes.settings(name).url.rstrip('/')}/{path}"

    def _of_data(self, url: str) -> str | None:
        from dver.access.repositories import open_files  # only such dependencies need it

        if (model := parse_model_url(url)) is not None:
            raise UsageError(
                f"{url!r} names a model without its path",
                why="a dependency is a path at a revision",
                fix=f"write dver://{model.repo or 'REPO'}@{quote(model.reference, safe='')}/PATH",
            )
        address = parse_data_url(url)
        if address.repo is None:
            raise UsageError(
                f"{url!r} names no repository",
                why="data of this project is a path, not a URL",
                fix="write its path, or the address of another repository: dver://REPO@REV/PATH",
            )
        files = open_files(address.repo, rev=address.rev, cwd=self._repo.root)
        try:
            info = files.info(address.path)
            return f"content:{info.oid or Oid.of(files.read(address.path))}"
        except FileNotFoundError:
            return None
        finally:
            files.close()

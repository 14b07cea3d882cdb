"""URLs of paths in repositories, for the filesystem and for dver.yaml: `dver://PATH` and `dver://REPO@REV/PATH`."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote, unquote

from dver.access.addresses import DataAddress

PREFIX: Final = "dver://"
_WITH_REPOSITORY: Final = re.compile(
    r"""(?P<repo>
        [A-Za-z][A-Za-z0-9+.-]*://(?:[^@/]+@)?[^@]+   # https://host/data.git, ssh://git@host/data.git
        | [^@/:]+@[^@/:]+:[^@]+                       # git@host:data.git
        | (?:/|\.{1,2}/|~)[^@]*                       # a directory: /srv/data, ./data, ../data, ~/data
    )@(?P<rev>[^@/]+)/(?P<path>.*)""",
    re.DOTALL | re.VERBOSE,
)


def parse_data_url(url: str) -> DataAddress:
    """The address that the URL `dver://PATH` or `dver://REPO@REV/PATH` stands for.

    REPO is a URL, `user@host:path`, or a directory that begins with `/`, `./`, `../` or `~`. Everything else is a PATH,
    which may have an `@` itself. A `/` in REV is written `%2F`.
    """
    rest = url.removeprefix(PREFIX)
    match = _WITH_REPOSITORY.fullmatch(rest)
    if match is None:
        return DataAddress(None, None, rest)
    return DataAddress(match["repo"], unquote(match["rev"]), match["path"])


def data_url(address: DataAddress) -> str:
    """The URL that `parse_data_url` parses."""
    if address.repo is None:
        return PREFIX + address.path
    return f"{PREFIX}{address.repo}@{quote(address.rev or 'HEAD', safe='')}/{address.path}"

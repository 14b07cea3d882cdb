"""URLs of paths in repositories, for the filesystem and for dver.yaml: `dver://PATH` and `dver://REPO@REV/PATH`.

`dver://REPO@@MODEL/PATH` is a path in a model of the registry, for the filesystem.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote

from dver.access.addresses import DataAddress

PREFIX: Final = "dver://"
_REPOSITORY: Final = r"""(?P<repo>
        [A-Za-z][A-Za-z0-9+.-]*://(?:[^@/]+@)?[^@]+   # https://host/data.git, ssh://git@host/data.git
        | [^@/:]+@[^@/:]+:[^@]+                       # git@host:data.git
        | (?:/|\.{1,2}/|~)[^@]*                       # a directory: /srv/data, ./data, ../data, ~/data
    )"""
_WITH_REPOSITORY: Final = re.compile(rf"{_REPOSITORY}@(?P<rev>[^@/]+)/(?P<path>.*)", re.DOTALL | re.VERBOSE)
_MODEL: Final = re.compile(rf"{_REPOSITORY}?@@(?P<model>[^/]+)(?:/(?P<path>.*))?", re.DOTALL | re.VERBOSE)


@dataclass(frozen=True, slots=True)
class ModelAddress:
    """A path in a version of a model or dataset."""

    repo: str | None
    """None for the project of the current directory."""
    reference: str
    """Such as `churn#prod`."""
    path: str
    """Relative to the model; empty for the model itself."""


def parse_data_url(url: str) -> DataAddress:
    """The address that the URL `dver://PATH` or `dver://REPO@REV/PATH` stands for.

    REPO is a URL, `user@host:path`, or a directory that begins with `/`, `./`, `../` or `~`. Everything else is a PATH,
    which may have an `@` itself. A `/` in REV is written `%2F`, an `@` is written `%40`.
    """
    rest = url.removeprefix(PREFIX)
    match = _WITH_REPOSITORY.fullmatch(rest)
    if match is None:
        return DataAddress(None, None, rest)
    return DataAddress(match["repo"], unquote(match["rev"]), match["path"])


def parse_model_url(url: str) -> ModelAddress | None:
    """The address that `dver://@@MODEL/PATH` or `dver://REPO@@MODEL/PATH` stands for; None for other URLs.

    MODEL is `churn`, `churn@v1.2.0` or `churn#prod`. A `/` in it is written `%2F`; `@` and `#` may be `%40` and `%23`.
    """
    match = _MODEL.fullmatch(url.removeprefix(PREFIX))
    return match and ModelAddress(match["repo"], unquote(match["model"]), match["path"] or "")


def data_url(address: DataAddress) -> str:
    """The URL that `parse_data_url` parses."""
    if address.repo is None:
        return PREFIX + address.path
    return f"{PREFIX}{address.repo}@{quote(address.rev or 'HEAD', safe='')}/{address.path}"

"""The validated settings of one remote. `dver.core.remote_schema` lists the settings."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Final, Literal, cast

from dver.core.errors import RepositoryError
from dver.core.phrasing import quoted
from dver.core.remote_schema import BY_NAME, problem_with

_AUTHORITY: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://([^/?#]*)")
_ONE_SLASH: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/[^/]")


@dataclass(frozen=True, slots=True)
class RemoteSettings:
    """The settings of a remote. None: taken from the usual places (environment, ~/.aws, ~/.ssh)."""

    name: str
    url: str
    endpoint_url: str | None = None
    region: str | None = None
    profile: str | None = None
    addressing_style: Literal["auto", "path", "virtual"] = "auto"
    anonymous: bool = False
    access_key_id: str | None = field(default=None, repr=False)
    secret_access_key: str | None = field(default=None, repr=False)
    session_token: str | None = field(default=None, repr=False)
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    key_file: str | None = field(default=None, repr=False)
    account: str | None = None
    account_key: str | None = field(default=None, repr=False)
    sas_token: str | None = field(default=None, repr=False)
    connection_string: str | None = field(default=None, repr=False)
    jobs: int | None = None


def parse(name: str, table: Mapping[str, object], *, command: str | None = None) -> RemoteSettings:
    """Parse `table`, the configuration of the remote `name`. Raises RepositoryError for an invalid setting.

    Errors about the url suggest `command` and another url; by default `dver remote set NAME url`.
    """
    for key, value in table.items():
        _check(name, key, value)
    url = table.get("url")
    if not isinstance(url, str) or not url.strip():
        raise RepositoryError(
            f"the remote {name!r} has no url",
            why="the url is the address of the remote",
            fix=f"`dver remote set {name} url URL`, or `dver remote remove {name}`",
        )
    _check_url(name, url, command or f"dver remote set {name} url")
    if bool(table.get("access_key_id")) != bool(table.get("secret_access_key")):
        raise RepositoryError(
            f"the remote {name!r} has half of an access key",
            why="access_key_id and secret_access_key belong together",
            fix=f"set the other one with `dver remote set --local {name} …`, or unset both",
        )
    return RemoteSettings(name=name, **cast(dict[str, Any], table))


def _check(name: str, key: str, value: object) -> None:
    spec = BY_NAME.get(key)
    if spec is None:
        near = get_close_matches(key, BY_NAME, n=1)
        raise RepositoryError(
            f"the remote {name!r} has an unknown setting {key!r}",
            why=f"the settings are: {', '.join(BY_NAME)}",
            fix=f"did you mean {near[0]!r}?" if near else "remove it, or upgrade dver if a newer version wrote it",
        )
    if (problem := problem_with(spec, value)) is not None:
        # Neither the value of a secret nor its length is shown.
        shown = "" if spec.secret else f", not {value!r}"
        raise RepositoryError(
            f"the setting {key!r} of the remote {name!r} is not valid",
            why=f"expected {problem}{shown}",
            fix=f"dver remote set {name} {key} {_example(key, value)}",
        )


def _example(key: str, value: object) -> str:
    if key == "endpoint_url" and isinstance(value, str) and value and "://" not in value:
        return quoted(f"https://{value}")
    return "VALUE"


def _check_url(name: str, url: str, command: str) -> None:
    match = _AUTHORITY.match(url)
    user, at, _ = match[1].rpartition("@") if match else ("", "", "")
    is_s3 = url.startswith(("s3:", "s3a:"))
    is_web = url.startswith(("http:", "https:"))
    if at and (is_s3 or is_web or ":" in user):
        raise RepositoryError(
            f"the url of the remote {name!r} has credentials in it",
            why="urls are committed to Git and shown in messages",
            fix=f"remove them from the url; use a profile, or `dver remote set --local {name} access_key_id …`"
            if is_s3
            else f"remove the password from the url, then `dver remote set --local {name} password PASSWORD`",
        )
    if is_web and set("?#").intersection(url):
        raise RepositoryError(
            f"the url of the remote {name!r} is not valid: it has a ? or #",
            why="dver appends the names of files to the url, and a query may hold a secret",
            fix=f"use only the directory: `{command} https://HOST/DIRECTORY`",
        )
    if (typo := _ONE_SLASH.match(url)) or ((is_s3 or is_web) and not (match and match[1])):
        scheme = typo[1] if typo else url.partition(":")[0]
        raise RepositoryError(
            f"the url of the remote {name!r} is not valid: {url!r}",
            why=f"a url of this kind starts with {scheme}:// and a name",
            fix=f"{command} {scheme}://{'HOST/DIRECTORY' if is_web else 'BUCKET/PREFIX'}",
        )

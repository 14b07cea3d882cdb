"""The remotes in the settings of a DVC repository, as storages of dver."""

from __future__ import annotations

import configparser
import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dver.core.errors import MissingObjectError, RepositoryError
from dver.core.remote_schema import BY_NAME

if TYPE_CHECKING:
    from dver.remote.storage import Storage

_NAMES: Final = {
    "endpointurl": "endpoint_url",
    "allow_anonymous_login": "anonymous",
    "account_name": "account",
    "keyfile": "key_file",
    "credentialpath": "key_file",
}
"""Settings with another name in dver."""
_SCHEMES: Final = {"ssh": "sftp", "azure": "az", "gcs": "gs"}
_TRUE: Final = frozenset({"true", "yes", "on", "1"})


@dataclass(frozen=True, slots=True)
class DvcRemotes:
    """The remotes of a DVC repository: their settings by name, in the words of dver."""

    tables: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    default: str | None = None

    @classmethod
    def parse(cls, *contents: bytes) -> DvcRemotes:
        """Parse configuration files, the later ones of which count more. Raises RepositoryError for an invalid file."""
        parser = configparser.RawConfigParser(strict=False)
        try:
            for content in contents:
                parser.read_string(content.decode(errors="replace"))
        except configparser.Error as error:
            why = str(error).replace("\n", " ")
            raise RepositoryError(
                "the settings of DVC are not readable", why=why, fix="correct .dvc/config there"
            ) from None
        sections = {_name_of(section): dict(parser.items(section)) for section in parser.sections()}
        tables = {name: _table(values) for name, values in sections.items() if name is not None}
        default = parser.get("core", "remote", fallback=None)
        return cls(tables, default or next(iter(tables), None) if len(tables) == 1 else default)

    def connect(self, name: str | None, *, base: Path | None, source: str) -> Storage:
        """The storage of the remote `name`, or of the default one. A relative directory starts at `base`.

        Raises MissingObjectError if there is none, and RepositoryError for one that dver cannot reach.
        """
        from dver.remote.backends.connect import connect, is_relative
        from dver.remote.settings import parse

        chosen = name or self.default
        if chosen is None or chosen not in self.tables:
            raise MissingObjectError(
                f"the DVC repository {source} has no remote" + (f" {chosen!r}" if chosen else ""),
                why=f"its remotes are: {', '.join(self.tables) or 'none'}",
                fix="in a clone of it: dvc remote add -d NAME URL && dvc push",
            )
        settings = parse(chosen, self._resolved(chosen))
        if is_relative(settings.url) and base is None:
            raise RepositoryError(
                f"the remote {chosen!r} of {source} is a directory beside its clones: {settings.url}",
                why="only a clone at the right place can reach it",
                fix=f"git clone {source}",
            )
        return connect(settings, base=base or Path("/"))

    def _resolved(self, name: str) -> dict[str, object]:
        """The settings of a remote, whose url may be `remote://OTHER/PATH`."""
        table = dict(self.tables[name])
        other, _, path = str(table.get("url", "")).removeprefix("remote://").partition("/")
        if str(table.get("url", "")).startswith("remote://") and other in self.tables and other != name:
            base = self._resolved(other)
            table = {**base, **table, "url": posixpath.join(str(base.get("url", "")), path)}
        return table


def _name_of(section: str) -> str | None:
    """The name in `['remote "NAME"']`."""
    text = section.strip("'\" ")
    return text.removeprefix("remote ").strip('" ') if text.startswith("remote ") else None


def _table(values: Mapping[str, str]) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in values.items():
        name = _NAMES.get(key, key)
        if name in BY_NAME:
            found[name] = value.lower() in _TRUE if BY_NAME[name].type is bool else value
    found.pop("jobs", None)
    scheme, separator, rest = str(found.get("url", "")).partition("://")
    if separator and scheme in _SCHEMES:
        found["url"] = f"{_SCHEMES[scheme]}://{rest}"
    return found

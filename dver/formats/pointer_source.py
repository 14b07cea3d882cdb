"""The `source` of a pointer: where imported data came from (docs/format/pointer.md)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from dver.core.errors import CorruptError

_PLAIN: Final = re.compile(r"[A-Za-z/][\w./@+=~%-]*(?::[\w./@+=~%-]+)*", re.ASCII)
_YAML_WORDS: Final = re.compile(r"true|false|yes|no|on|off|null|y|n", re.IGNORECASE)
_REPO_KEYS: Final = ("repo", "path", "commit")


@dataclass(frozen=True, slots=True)
class RepositorySource:
    """Data of another repository. `repo`: its URL or path, as the user typed it."""

    repo: str
    path: str
    commit: str
    """The full id of the commit that the data is of."""
    rev: str | None = None
    """The branch, tag or commit that `dver update` follows; None for the default branch."""


@dataclass(frozen=True, slots=True)
class UrlSource:
    """Files at a URL, as they were when the fingerprint was `fingerprint`; None if the server has none."""

    url: str
    fingerprint: str | None = None


Source = RepositorySource | UrlSource


def source_fields(source: Source) -> dict[str, str]:
    """The keys and values of `source` in a pointer file, sorted by key."""
    names = ("commit", "path", "repo", "rev") if isinstance(source, RepositorySource) else ("fingerprint", "url")
    values = {name: getattr(source, name) for name in names}
    return {name: value for name, value in values.items() if value is not None}


def encode_source(source: Source) -> str:
    """The lines of `source` in a pointer file."""
    return "source:\n" + "".join(f"  {key}: {encode_text(value)}\n" for key, value in source_fields(source).items())


def decode_source_lines(lines: str) -> dict[str, str] | None:
    """The fields in lines below `source:`; None unless `encode_source` would write the same lines."""
    found = {}
    for line in lines.splitlines():
        key, _, value = line.strip().partition(": ")
        try:
            found[key] = str(json.loads(value)) if value.startswith('"') else value
        except ValueError:
            return None
    try:
        return found if encode_source(build_source(found)) == f"source:\n{lines}" else None
    except CorruptError:
        return None


def build_source(fields: object) -> Source:
    """The source with these fields; further ones are ignored. Raises CorruptError."""
    if not isinstance(fields, Mapping):
        raise CorruptError("a pointer whose `source` is not a mapping")
    for key in ("repo", "path", "commit", "rev", "url", "fingerprint"):
        if key in fields and not isinstance(fields[key], str):
            raise CorruptError(f"a pointer whose `source.{key}` is not text")
    if "url" in fields and "repo" not in fields:
        return UrlSource(fields["url"], fields.get("fingerprint"))
    if missing := [key for key in _REPO_KEYS if key not in fields]:
        raise CorruptError(f"a pointer whose `source` has no `{missing[0]}`", why="expected `url`, or `repo`")
    return RepositorySource(fields["repo"], fields["path"], fields["commit"], fields.get("rev"))


def encode_text(text: str) -> str:
    """`text` in one line of YAML, quoted if it needs to be."""
    if _PLAIN.fullmatch(text) and not _YAML_WORDS.fullmatch(text):
        return text
    # YAML reads JSON's text, with other characters than ASCII as they are. Pairs of escapes would be two characters.
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(one if one.isprintable() or one > "\uffff" else f"\\u{ord(one):04x}" for one in quoted)

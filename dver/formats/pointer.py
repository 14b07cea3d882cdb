"""Pointers: the small YAML files that Git tracks in place of data (docs/format/pointer.md).

dver writes a canonical form, which a regular expression reads quickly. A YAML library reads edited pointers, and a
rewrite keeps the comments and keys of the user.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

from dver.core.display import Displayed
from dver.core.errors import ConflictError, CorruptError, NewerVersionError
from dver.core.oid import Oid
from dver.formats.cursor import SIZE_MAX
from dver.formats.objectref import ObjectRef
from dver.formats.pack import ObjectKind
from dver.formats.pointer_source import (
    RepositorySource,
    Source,
    build_source,
    decode_source_lines,
    encode_source,
    encode_text,
    source_fields,
)
from dver.formats.tree import Entry, Kind, entry_of

if TYPE_CHECKING:
    from ruamel.yaml import YAML

SUFFIX: Final = ".dver"
VERSION: Final = 1
_LINE_BREAKS: Final = re.compile("[\x85\u2028\u2029]")
MAX_SIZE: Final = 64 << 10
"""The largest size of a pointer file in bytes."""
SKIPPED: Final = "skipped"
"""The value of `checks` for data that was recorded with `--no-checks`."""

_CANONICAL: Final = re.compile(
    rb"(?:checks: (?P<checks>skipped)\n)?"
    rb"(?:executable: (?P<executable>true)\n)?(?:files: (?P<files>\d{1,18})\n)?kind: (?P<kind>blob|tree)\n"
    rb"oid: (?P<oid>blake3:[0-9a-f]{64})\n(?:push: (?P<push>false)\n)?(?:remote: (?P<remote>[A-Za-z0-9][\w-]*)\n)?"
    rb"size: (?P<size>\d{1,18})\n"
    rb"(?:source:\n(?P<source>(?:  [a-z]+: (?:[A-Za-z/][^\n\"# ]*|\"[^\n]*\")\n)+))?version: 1\n"
)
_CONFLICT: Final = re.compile(rb"^(<{7}|>{7})( |$)", re.MULTILINE)
_OWN_KEYS: Final = ("checks", "executable", "files", "kind", "oid", "push", "remote", "size", "source", "version")
_YAML_WORDS: Final = re.compile(r"true|false|yes|no|on|off|null|y|n|~", re.IGNORECASE)


@dataclass(frozen=True, slots=True, repr=False)
class Pointer(Displayed):
    """The pointer to a file (`kind` BLOB) or a directory (TREE). `size` is in bytes."""

    kind: ObjectKind
    oid: Oid
    size: int
    files: int = 1
    executable: bool = False
    remote: str | None = None
    """The remote of this data, if it is not the default one."""
    push: bool = True
    desc: str | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)
    source: Source | None = None
    """Where imported data came from."""
    checks_skipped: bool = False
    """Was the data recorded with `--no-checks`, although checks name it?"""

    @classmethod
    def of(cls, entry: Entry, like: Pointer | None = None) -> Pointer:
        """A pointer to `entry` with the options of `like`."""
        found = cls(entry.object_kind, entry.oid, entry.size, entry.files, executable=entry.kind is Kind.EXECUTABLE)
        if like is None:
            return found
        return replace(
            found,
            remote=like.remote,
            push=like.push,
            desc=like.desc,
            meta=like.meta,
            source=like.source,
            checks_skipped=like.checks_skipped,
        )

    @property
    def only_at_source(self) -> bool:
        """Whether the data is an import of a repository that is never pushed, so that only its source has it."""
        return not self.push and isinstance(self.source, RepositorySource)

    def entry(self, path: bytes) -> Entry:
        """The entry that a directory would have for the data at `path`."""
        return entry_of(path, self.kind, self.oid, self.size, self.files, executable=self.executable)

    def ref(self, path: bytes = b"") -> ObjectRef:
        """The object of the pointer, for the data at `path`."""
        return ObjectRef(self.oid, self.kind, path, self.size)

    def same_data(self, other: Pointer) -> bool:
        """Do both point to the same content?"""
        return (self.oid, self.kind, self.executable) == (other.oid, other.kind, other.executable)


@dataclass(frozen=True, slots=True, repr=False)
class UndownloadedPointer(Displayed):
    """A pointer of an import whose data was never downloaded: it names a source, and no object yet."""

    kind: ObjectKind
    source: Source
    size: int | None = None
    remote: str | None = None
    push: bool = True
    desc: str | None = None


class NotDownloadedError(CorruptError):
    """The pointer is one of an import whose data was never downloaded, so it names no data."""

    def __init__(self, what: str, *, why: str | None = None, fix: str | None = None) -> None:
        super().__init__(what, why=why, fix=fix or "dver update downloads it")


def encode(pointer: Pointer | UndownloadedPointer) -> bytes:
    """The canonical bytes of `pointer`, with its `desc` if it has one, and without `meta`, which is the user's."""
    own = _own_fields(pointer)
    lines = [
        encode_source(pointer.source) if key == "source" and pointer.source else f"{key}: {_scalar(value)}\n"
        for key, value in sorted(own.items())
    ]
    described = [] if pointer.desc is None else [f"desc: {encode_text(pointer.desc)}\n"]
    return "".join(described + lines).encode()


def decode(content: bytes) -> Pointer:
    """Decode a pointer. Raises ConflictError for merge markers, CorruptError (also NotDownloadedError) for the rest."""
    return _build(_canonical_fields(content) or _load(content))


def decode_undownloaded(content: bytes) -> UndownloadedPointer | None:
    """Decode the pointer of an import that was never downloaded; None for any other file."""
    if b"source:" not in content or _CANONICAL.fullmatch(content):
        return None  # the usual case, without a YAML library
    try:
        fields = _load(content)
        if _is_downloaded(fields):
            return None
        return UndownloadedPointer(
            kind=_kind(fields),
            source=build_source(fields["source"]),
            size=_integer(fields, "size") if "size" in fields else None,
            remote=_text(fields, "remote") if "remote" in fields else None,
            push=_boolean(fields, "push", default=True),
            desc=_text(fields, "desc") if "desc" in fields else None,
        )
    except (CorruptError, ConflictError):
        return None


def rewrite(existing: bytes, pointer: Pointer | UndownloadedPointer) -> bytes:
    """`existing` with the fields replaced by those of `pointer`. Keeps comments and unknown keys."""
    waiting = decode_undownloaded(existing)
    if _canonical_fields(existing) is not None or (waiting is not None and encode(waiting) == existing):
        return encode(pointer)
    wanted = {key: value for key, value in _load(existing).items() if key not in _OWN_KEYS}
    if pointer.desc is not None:
        wanted["desc"] = pointer.desc
    return with_fields(existing, {**wanted, **_own_fields(pointer)})


def fields_of(content: bytes) -> dict[str, object]:
    """All keys and values of a pointer file, including those of the user. Raises as `decode` does."""
    fields = _load(content)
    _build(fields)
    return fields


def with_fields(existing: bytes, wanted: Mapping[str, object]) -> bytes:
    """`existing` with exactly the keys and values `wanted`. Keeps the comments of existing keys."""
    yaml = _yaml("rt")
    document = yaml.load(existing)
    for key in [key for key in document if key not in wanted]:
        del document[key]
    for key, value in wanted.items():
        if key not in document or document[key] != value:
            document[key] = _with_line_breaks_quoted(value)
    out = BytesIO()
    yaml.dump(document, out)
    return out.getvalue()


def _with_line_breaks_quoted(value: object) -> object:
    """`value` with double quotes for texts with Unicode's line breaks, which ruamel.yaml would make spaces."""
    from ruamel.yaml.scalarstring import DoubleQuotedScalarString

    if isinstance(value, str) and _LINE_BREAKS.search(value):
        return DoubleQuotedScalarString(value)
    if isinstance(value, dict):
        return {key: _with_line_breaks_quoted(one) for key, one in value.items()}
    return value


def _own_fields(pointer: Pointer | UndownloadedPointer) -> dict[str, object]:
    own: dict[str, object] = {"kind": pointer.kind.name.lower(), "version": VERSION}
    if isinstance(pointer, Pointer):
        own["oid"] = str(pointer.oid)
        if pointer.kind is ObjectKind.TREE:
            own["files"] = pointer.files
        if pointer.executable:
            own["executable"] = True
        if pointer.checks_skipped:
            own["checks"] = SKIPPED
    if pointer.size is not None:
        own["size"] = pointer.size
    if pointer.source is not None:
        own["source"] = source_fields(pointer.source)
    if not pointer.push:
        own["push"] = False
    if pointer.remote is not None:
        own["remote"] = pointer.remote
    return own


def _scalar(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    ambiguous = isinstance(value, str) and (_YAML_WORDS.fullmatch(text) or not text[:1].isalpha())
    return f'"{text}"' if ambiguous else text


def _canonical_fields(content: bytes) -> dict[str, object] | None:
    """The fields of a pointer in canonical form; None for any other form, which the YAML library reads."""
    match = _CANONICAL.fullmatch(content)
    if match is None:
        return None
    texts = {key: value.decode("utf-8", "replace") for key, value in match.groupdict().items() if value is not None}
    fields: dict[str, object] = {**texts, "version": VERSION, "size": int(texts["size"])}
    if "files" in texts:
        fields["files"] = int(texts["files"])
    if "executable" in texts:
        fields["executable"] = True
    if "push" in texts:
        fields["push"] = False
    if "source" in texts:
        source = decode_source_lines(texts["source"])
        return None if source is None else fields | {"source": source}
    return fields


def _load(content: bytes) -> dict[str, object]:
    if len(content) > MAX_SIZE:
        raise CorruptError("a pointer that is too large", why=f"{len(content)} bytes, at most {MAX_SIZE} are read")
    if _CONFLICT.search(content):
        raise ConflictError(
            "a pointer with merge conflict markers",
            why="Git could not merge two versions of the data",
            fix="`dver resolve` lists and resolves conflicts",
        )
    from ruamel.yaml.error import YAMLError

    try:
        _refuse_the_fancy(content)
        document = _yaml("safe").load(content)
    except (YAMLError, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise CorruptError("a pointer that is not YAML", why=_first_line(error)) from None
    if not isinstance(document, dict) or not all(isinstance(key, str) for key in document):
        raise CorruptError("a pointer that is not a mapping", why="expected lines such as `kind: tree`")
    return document


def _refuse_the_fancy(content: bytes) -> None:
    # With aliases, a few bytes expand to gigabytes (the "billion laughs"). Tags and directives change the meaning of
    # the text. Pointers need none of them.
    from ruamel.yaml.events import AliasEvent, DocumentStartEvent, NodeEvent

    for event in _yaml("safe").parse(content):
        if isinstance(event, AliasEvent):
            raise CorruptError("a pointer with a YAML alias", why="aliases are not read", fix="write the value out")
        directive = isinstance(event, DocumentStartEvent) and (event.version or event.tags)
        if directive or (isinstance(event, NodeEvent) and getattr(event, "tag", None) is not None):
            raise CorruptError("a pointer with a YAML tag or directive", why="these are not read", fix="remove it")


def _yaml(kind: str) -> YAML:
    from ruamel.yaml import YAML

    yaml = YAML(typ=kind, pure=True)
    yaml.preserve_quotes = True
    yaml.width = 4096
    return yaml


def _first_line(error: Exception) -> str:
    problem, mark = getattr(error, "problem", None), getattr(error, "problem_mark", None)
    if problem and mark:
        return f"line {mark.line + 1}, column {mark.column + 1}: {problem}"
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def _build(fields: Mapping[str, object]) -> Pointer:
    version = _integer(fields, "version")
    if version > VERSION:
        raise NewerVersionError.of_format("a pointer", version, VERSION)
    kind = _kind(fields)
    if not _is_downloaded(fields):
        raise NotDownloadedError("a pointer of an import that was not downloaded")
    meta = fields.get("meta", {})
    if not isinstance(meta, dict):
        raise CorruptError("a pointer whose meta is not a mapping")
    return Pointer(
        kind=kind,
        oid=Oid.parse(_text(fields, "oid")),
        size=_integer(fields, "size"),
        files=_integer(fields, "files") if kind is ObjectKind.TREE else 1,
        executable=_boolean(fields, "executable", default=False),
        remote=_text(fields, "remote") if "remote" in fields else None,
        push=_boolean(fields, "push", default=True),
        desc=_text(fields, "desc") if "desc" in fields else None,
        meta=meta,
        source=build_source(fields["source"]) if "source" in fields else None,
        checks_skipped=_are_checks_skipped(fields),
    )


def _are_checks_skipped(fields: Mapping[str, object]) -> bool:
    if "checks" in fields and fields["checks"] != SKIPPED:
        raise _wrong(fields, "checks", f"`{SKIPPED}`")
    return "checks" in fields


def _kind(fields: Mapping[str, object]) -> ObjectKind:
    text = _text(fields, "kind")
    if text not in ("blob", "tree"):
        raise CorruptError(f"a pointer of the unknown kind {text!r}", why="expected blob or tree")
    return ObjectKind[text.upper()]


def _is_downloaded(fields: Mapping[str, object]) -> bool:
    return "oid" in fields or "source" not in fields


def _integer(fields: Mapping[str, object], key: str) -> int:
    value = fields.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= SIZE_MAX:
        raise _wrong(fields, key, "a whole number")
    return value


def _text(fields: Mapping[str, object], key: str) -> str:
    value = fields.get(key)
    if not isinstance(value, str):
        raise _wrong(fields, key, "text")
    return value


def _boolean(fields: Mapping[str, object], key: str, *, default: bool) -> bool:
    value = fields.get(key, default)
    if not isinstance(value, bool):
        raise _wrong(fields, key, "true or false")
    return value


def _wrong(fields: Mapping[str, object], key: str, expected: str) -> CorruptError:
    found = f"found {_shown(fields[key])}" if key in fields else "it is missing"
    return CorruptError(f"a pointer whose `{key}` is not {expected}", why=found)


def _shown(value: object) -> str:
    try:
        return repr(str(value)[:80])
    except ValueError:  # Python does not write out numbers of thousands of digits
        return "a number of too many digits"

"""What hypothesis makes of our formats. Importable from every test."""

from __future__ import annotations

import math

from hypothesis import strategies as st

from dver.core.oid import Oid
from dver.formats.condemned import AT_MAX, Condemned
from dver.formats.cursor import SIZE_MAX
from dver.formats.lock import Lock, LockedItem, LockedStage
from dver.formats.pack import HEADER, IN_MEMORY_MAX, Codec, ObjectKind, Row
from dver.formats.pointer import Pointer
from dver.formats.pointer_source import RepositorySource, UrlSource
from dver.formats.remote_index import IndexRow, PackRef, RemoteIndex
from dver.formats.remote_repository import RepositoryEntry
from dver.formats.tree import NAME_MAX, Entry, Kind, forbidden_name

oids = st.binary(min_size=32, max_size=32).map(Oid)
names = st.binary(min_size=1, max_size=NAME_MAX).filter(lambda name: forbidden_name(name) is None)
sizes = st.one_of(st.integers(0, 1 << 20), st.integers(0, 1 << 56))


@st.composite
def entries(draw: st.DrawFn, *, max_size: int = 12) -> list[Entry]:
    """The entries of a directory, sorted."""
    found = []
    for name in sorted(draw(st.sets(names, max_size=max_size))):
        kind = draw(st.sampled_from(Kind))
        files = draw(sizes) if kind is Kind.DIRECTORY else 1
        found.append(Entry(name, kind, draw(oids), draw(sizes), files))
    return found


@st.composite
def rows(draw: st.DrawFn) -> list[Row]:
    """The rows of a pack's footer, sorted by oid."""
    found, offset = [], len(HEADER)
    for oid in draw(st.lists(oids, unique=True, max_size=8)):
        codec = draw(st.sampled_from(Codec))
        raw = draw(st.integers(0, 1 << 40 if codec is Codec.CHUNKED else IN_MEMORY_MAX))
        stored = raw if codec is Codec.RAW else draw(st.integers(0, IN_MEMORY_MAX))
        kind = draw(st.sampled_from(ObjectKind))
        found.append(Row(oid, kind, codec, offset, raw, stored, draw(st.integers(0, 2**64 - 1))))
        offset = found[-1].end
    return sorted(found)


@st.composite
def indexes(draw: st.DrawFn) -> RemoteIndex:
    """A remote index."""
    packs = [PackRef(name, draw(st.integers(1 << 42, 1 << 50))) for name in sorted(draw(st.sets(oids, max_size=3)))]
    found = []
    for oid in sorted(draw(st.sets(oids, max_size=8))) if packs else []:
        codec, raw, stored = draw(st.sampled_from(Codec)), draw(st.integers(0, 1 << 40)), draw(st.integers(0, 1 << 40))
        number, offset = draw(st.integers(0, len(packs) - 1)), draw(st.integers(len(HEADER), 1 << 40))
        kind = draw(st.sampled_from(ObjectKind))
        found.append(IndexRow(oid, number, kind, codec, offset, stored if codec is Codec.RAW else raw, stored))
    return RemoteIndex(tuple(sorted(draw(st.sets(oids, max_size=3)))), tuple(packs), tuple(found))


@st.composite
def condemned_lists(draw: st.DrawFn) -> Condemned:
    """A condemned list."""
    packs, indexes = (tuple(sorted(draw(st.sets(oids, max_size=5)))) for _ in range(2))
    return Condemned(draw(st.integers(0, AT_MAX)), packs, indexes, draw(st.integers(0, AT_MAX)))


def repository_entries() -> st.SearchStrategy[RepositoryEntry]:
    """An entry of a repository that uses a remote."""
    ids = st.binary(min_size=20, max_size=20).map(bytes.hex)
    roots = st.sets(ids, max_size=4).map(lambda found: tuple(sorted(found)))
    return st.builds(RepositoryEntry, st.text(max_size=30), st.text(max_size=60), roots)


_source_texts = st.text(max_size=20) | st.from_regex(r"(s3://|\.\./|/)[a-z0-9 :#\"'&*!/.-]{0,20}", fullmatch=True)
sources = st.builds(UrlSource, url=_source_texts, fingerprint=st.none() | _source_texts) | st.builds(
    RepositorySource, repo=_source_texts, path=_source_texts, commit=_source_texts, rev=st.none() | _source_texts
)


@st.composite
def pointers(draw: st.DrawFn) -> Pointer:
    """A pointer without what belongs to the user."""
    kind = draw(st.sampled_from(ObjectKind))
    return Pointer(
        kind=kind,
        oid=draw(oids),
        size=draw(st.integers(0, SIZE_MAX)),
        files=draw(st.integers(0, SIZE_MAX)) if kind is ObjectKind.TREE else 1,
        executable=kind is ObjectKind.BLOB and draw(st.booleans()),
        remote=draw(st.none() | st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,30}", fullmatch=True)),
        push=draw(st.booleans()),
        source=draw(st.none() | sources),
        checks_skipped=draw(st.booleans()),
    )


@st.composite
def damaged(draw: st.DrawFn, contents: st.SearchStrategy[bytes]) -> bytes:
    """Encoded bytes with something wrong: flipped, cut, put in, or made up."""
    content = bytearray(draw(contents))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(content)))
        match draw(st.sampled_from(("flip", "cut", "insert", "overwrite"))):
            case "flip" if at < len(content):
                content[at] ^= draw(st.integers(1, 255))
            case "cut":
                del content[at : at + draw(st.integers(1, 64))]
            case "insert":
                content[at:at] = draw(st.binary(min_size=1, max_size=16))
            case _:
                content[at : at + 8] = draw(st.sampled_from((b"\xff" * 8, bytes(8), b"\xff" * 7 + b"\x7f")))
    return bytes(content)


_texts = st.text(max_size=12)
_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False)
    | st.just(math.nan)  # the same one that is read, which alone is equal to it
    | _texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_texts, inner, max_size=3),
    max_leaves=6,
)


@st.composite
def _items(draw: st.DrawFn) -> tuple[LockedItem, ...]:
    found = []
    for path in sorted(draw(st.sets(_texts, max_size=3))):
        kind = draw(st.sampled_from(ObjectKind))
        files = draw(sizes) if kind is ObjectKind.TREE else 1
        flags = draw(st.tuples(st.booleans(), st.booleans(), st.booleans()))
        found.append(LockedItem(path, kind, draw(oids), draw(sizes), files, *flags, draw(st.none() | _texts)))
    return tuple(found)


@st.composite
def locks(draw: st.DrawFn) -> Lock:
    """A lock file."""
    cmds = st.one_of(_texts, st.lists(_texts, max_size=3).map(tuple))
    params = st.dictionaries(_texts, st.dictionaries(_texts, _values, min_size=1, max_size=3), max_size=2)
    digests = st.from_regex(r"(scrypt|blake3):[0-9a-f]{32}", fullmatch=True)
    env = st.dictionaries(_texts, st.none() | digests, max_size=3)
    external = st.dictionaries(_texts, _texts, max_size=2)
    names = sorted(draw(st.sets(_texts, max_size=3)))
    return Lock(
        {
            name: LockedStage(
                draw(cmds), draw(_items()), draw(_items()), draw(params), draw(env), draw(_texts), draw(external)
            )
            for name in names
        }
    )


params_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
params_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats().map(lambda one: math.nan if math.isnan(one) else one)
    | params_text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(params_text, inner, max_size=3),
    max_leaves=6,
)
"""Values of parameters."""

"""Sources of good copies of corrupt objects: packs, stores, and files of the workspace. All copies are verified."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import zstandard

from dver.core.errors import CorruptError
from dver.core.files import read_pieces
from dver.core.oid import Oid
from dver.formats import pack, recipe
from dver.formats.pack import IN_MEMORY_MAX, Codec, ObjectKind, Row
from dver.formats.recipe import Chunk
from dver.store.objects.chunking import cut
from dver.store.objects.codec import Decoder, Encoder, corrupt, decode_recipe, verified
from dver.store.objects.loose import LooseBlobs
from dver.store.objects.packs import ContentHash, PackReader, hashed, parse_pack_file_name
from dver.store.repair.salvage import read_good_frame


class ObjectCopy(NamedTuple):
    """A good copy of an object, encoded for a frame. The payload of a chunked blob is its recipe."""

    kind: ObjectKind
    codec: Codec
    raw_size: int
    payload: bytes

    @property
    def frame_size(self) -> int:
        """Bytes that it takes in a pack, without its row."""
        return pack.FRAME_HEADER_SIZE + len(self.payload)

    def content(self) -> bytes:
        """The object, unless it is chunked."""
        if self.codec is Codec.ZSTD:
            return zstandard.ZstdDecompressor().decompress(self.payload, max_output_size=self.raw_size)
        return self.payload


class CopySource(Protocol):
    """A source of good copies."""

    @property
    def label(self) -> str:
        """Its name in messages."""
        ...

    def present(self, oids: Collection[Oid]) -> set[Oid]:
        """Those of `oids` that it has completely."""
        ...

    def copies(self, oids: Collection[Oid]) -> Iterator[tuple[Oid, ObjectCopy]]:
        """Good copies of those of `oids` that fit into one frame."""
        ...

    def pieces(self, oid: Oid) -> Iterator[bytes] | None:
        """A blob of any size, piece by piece; None if it is missing. Raises CorruptError at the end if it was wrong."""
        ...


class FileRange(NamedTuple):
    """A range of a file that may hold an object. `size` in bytes is None for the whole file."""

    path: bytes
    offset: int = 0
    size: int | None = None


class FileSource:
    """Files that may hold objects or chunks."""

    def __init__(self, label: str, places: Mapping[Oid, Sequence[FileRange]]) -> None:
        self.label = label
        self._places = places
        self._encoder = Encoder()

    def present(self, oids: Collection[Oid]) -> set[Oid]:
        return {oid for oid in oids if self._find(oid) is not None}

    def copies(self, oids: Collection[Oid]) -> Iterator[tuple[Oid, ObjectCopy]]:
        for oid in oids:
            place = self._find(oid)
            if place is None:
                continue
            copy = self._copy(oid, place)
            if copy is not None:
                yield oid, copy

    def pieces(self, oid: Oid) -> Iterator[bytes] | None:
        place = self._find(oid)
        return verified(oid, _pieces(place)) if place is not None else None

    def _copy(self, oid: Oid, place: FileRange) -> ObjectCopy | None:
        """The object at `place`. A large one becomes the recipe of its chunks."""
        content = ContentHash()
        chunks: list[Chunk] = []
        last = b""
        for last in cut(hashed(_pieces(place), content)):
            chunks.append(Chunk(Oid.of(last), len(last)))
        if content.oid() != oid:  # the file changed meanwhile
            return None
        if len(chunks) > 1:
            return ObjectCopy(ObjectKind.BLOB, Codec.CHUNKED, content.size, recipe.encode(chunks))
        codec, payload = self._encoder.encode(last)
        return ObjectCopy(ObjectKind.BLOB, codec, len(last), payload)

    def _find(self, oid: Oid) -> FileRange | None:
        for place in self._places.get(oid, ()):
            try:
                if _hash(_pieces(place)) == oid:
                    return place
            except OSError:
                continue
        return None


class TreeSource:
    """Trees that a scan of the workspace made."""

    def __init__(self, label: str, trees: Mapping[Oid, bytes]) -> None:
        self.label = label
        self._trees = trees
        self._encoder = Encoder()

    def present(self, oids: Collection[Oid]) -> set[Oid]:
        return set(oids) & self._trees.keys()

    def copies(self, oids: Collection[Oid]) -> Iterator[tuple[Oid, ObjectCopy]]:
        for oid in self.present(oids):
            content = self._trees[oid]
            codec, payload = self._encoder.encode(content)
            yield oid, ObjectCopy(ObjectKind.TREE, codec, len(content), payload)

    def pieces(self, oid: Oid) -> Iterator[bytes] | None:
        return None


class StoreSource:
    """The packs and loose blobs of the store at `root`, without the packs in `skip`."""

    def __init__(self, label: str, root: Path, *, skip: Collection[Oid] = ()) -> None:
        self.label = label
        self._packs = root / "packs"
        self._loose = LooseBlobs(root / "loose")
        self._skip = frozenset(skip)
        self._decoder = Decoder()

    def present(self, oids: Collection[Oid]) -> set[Oid]:
        found = {oid: copy.codec for oid, copy in self.copies(oids)}
        frames = {oid for oid, codec in found.items() if codec is not Codec.CHUNKED}
        return frames | {oid for oid in set(oids) - frames if self._is_whole(oid) or self._is_assembled(oid)}

    def copies(self, oids: Collection[Oid]) -> Iterator[tuple[Oid, ObjectCopy]]:
        answered: set[Oid] = set()
        for path, rows in self._located(oids):
            with PackReader(path) as reader:
                for row in rows:
                    copy = self._copy(reader, row) if row.oid not in answered else None
                    if copy is not None:
                        answered.add(row.oid)
                        yield row.oid, copy

    def pieces(self, oid: Oid) -> Iterator[bytes] | None:
        if self._is_whole(oid):
            return self._loose.pieces(oid)
        for _, copy in self.copies([oid]):
            if copy.codec is not Codec.CHUNKED:
                return iter((copy.content(),))
            row = Row(oid, copy.kind, copy.codec, 0, copy.raw_size, len(copy.payload), 0)
            return verified(oid, self._chunks([chunk.oid for chunk in decode_recipe(row, copy.payload).chunks], oid))
        return None

    def _chunks(self, chunks: Sequence[Oid], oid: Oid) -> Iterator[bytes]:
        places: dict[Oid, tuple[Path, Row]] = {}
        for path, rows in self._located(set(chunks)):
            places.update({row.oid: (path, row) for row in rows})
        for chunk in chunks:
            if chunk not in places:
                raise corrupt(oid)
            path, row = places[chunk]
            with PackReader(path) as reader:
                copy = self._copy(reader, row)
            if copy is None:
                raise corrupt(oid)
            yield copy.content()

    def _copy(self, reader: PackReader, row: Row) -> ObjectCopy | None:
        frame = read_good_frame(reader, row, self._decoder)
        if frame is None:
            return None
        return ObjectCopy(row.kind, row.codec, row.raw_size, frame[pack.FRAME_HEADER_SIZE :])

    def _is_whole(self, oid: Oid) -> bool:
        try:
            if not self._loose.present((oid,)):
                return False
            self._loose.verify(oid)
        except (CorruptError, OSError):
            return False
        return True

    def _is_assembled(self, oid: Oid) -> bool:
        try:
            pieces = self.pieces(oid)
            for _ in pieces or ():
                pass
        except (CorruptError, OSError):
            return False
        return pieces is not None

    def _located(self, oids: Collection[Oid]) -> Iterator[tuple[Path, list[Row]]]:
        """The packs that list some of `oids`, by their own footers, since the database may be wrong."""
        wanted = set(oids)
        for path in sorted(self._packs.glob("*.pack")) if wanted else ():
            name = parse_pack_file_name(path.name)
            if name is None or name in self._skip:
                continue
            try:
                with PackReader(path) as reader:
                    rows = [row for row in reader.rows(name) if row.oid in wanted]
            except (CorruptError, OSError):
                continue
            if rows:
                yield path, rows


def find_labels(sources: Sequence[CopySource], oids: Collection[Oid]) -> dict[Oid, str]:
    """The label of the first source that has each of `oids`. Leaves out those that no source has."""
    found: dict[Oid, str] = {}
    for source in sources:
        if missing := set(oids) - found.keys():
            found.update(dict.fromkeys(source.present(missing), source.label))
    return found


def find_copies(sources: Sequence[CopySource], oids: Iterable[Oid]) -> dict[Oid, tuple[str, ObjectCopy]]:
    """A good copy of each of `oids`, with the label of the first source that has one."""
    found: dict[Oid, tuple[str, ObjectCopy]] = {}
    missing = set(oids)
    for source in sources:
        if missing:
            found.update({oid: (source.label, copy) for oid, copy in source.copies(missing)})
            missing -= found.keys()
    return found


def _read(place: FileRange) -> bytes:
    try:
        size = IN_MEMORY_MAX + 1 if place.size is None else place.size
        with open(place.path, "rb", buffering=0) as file:
            file.seek(place.offset)
            return file.read(size)
    except OSError:
        return b""


def _pieces(place: FileRange) -> Iterator[bytes]:
    if place.size is not None:
        yield _read(place)
        return
    fd = os.open(place.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        yield from read_pieces(fd)
    finally:
        os.close(fd)


def _hash(pieces: Iterable[bytes]) -> Oid:
    content = ContentHash()
    for piece in pieces:
        content.update(piece)
    return content.oid()

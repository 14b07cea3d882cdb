"""Files as people have them, made by arithmetic, and the changes that are made to them."""

from __future__ import annotations

import io
import json
import os
import random
import shutil
import struct
import tarfile
from collections.abc import Iterator
from pathlib import Path

PIECE = 1 << 20
LAYERS = 24


def pieces(size: int, seed: int = 0) -> Iterator[bytes]:
    """`size` bytes of noise, which nobody can compress."""
    source = random.Random(seed)
    for at in range(0, size, PIECE):
        yield source.randbytes(min(PIECE, size - at))


def noise(path: Path, size: int, seed: int = 0) -> None:
    """A file of noise."""
    with path.open("wb") as file:
        file.writelines(pieces(size, seed))


def insert(path: Path, at: int, added: bytes) -> int:
    """Put `added` into the file before its byte `at`. Returns how many bytes changed, as do all that follow."""
    new = path.with_name("new")
    with path.open("rb") as source, new.open("wb") as target:
        for left in range(at, 0, -PIECE):
            target.write(source.read(min(PIECE, left)))
        target.write(added)
        shutil.copyfileobj(source, target, PIECE)
    new.replace(path)
    return len(added)


def rows(first: int, count: int) -> bytes:
    """Lines of a CSV: a number, a time, three measurements, a name."""
    source = random.Random(first)
    return b"".join(
        b"%d,2026-%02d-%02dT%02d:%02d,%.4f,%.4f,%.2f,sensor-%d\n"
        % (
            number,
            *(number // 40_320 % 12 + 1, number // 1440 % 28 + 1, number // 60 % 24, number % 60),
            *(source.random(), source.gauss(20, 4), source.expovariate(0.01)),
            source.randrange(500),
        )
        for number in range(first, first + count)
    )


def csv(path: Path, size: int) -> None:
    """A CSV of about `size` bytes."""
    with path.open("wb") as file:
        number = 0
        while file.tell() < size:
            file.write(rows(number, 10_000))
            number += 10_000


def append_rows(path: Path, share: float) -> int:
    """Add `share` of the file's size in rows."""
    added = b""
    number = 1_000_000_000
    while len(added) < path.stat().st_size * share:
        added += rows(number, 1000)
        number += 1000
    with path.open("ab") as file:
        file.write(added)
    return len(added)


def safetensors(path: Path, size: int) -> None:
    """Weights of a model of 24 layers with four tensors each, in the format of that name."""
    each = size // LAYERS // 4 // 4096 * 4096
    names = [f"layers.{layer}.{part}.weight" for layer in range(LAYERS) for part in ("q", "k", "v", "mlp")]
    head = json.dumps(
        {
            name: {"dtype": "F32", "shape": [each // 4096, 1024], "data_offsets": [at * each, (at + 1) * each]}
            for at, name in enumerate(names)
        },
        separators=(",", ":"),
    ).encode()
    head += b" " * (-len(head) % 8)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(head)) + head)
        for number in range(len(names)):
            file.writelines(pieces(each, number))


def tune_layer(path: Path, layer: int) -> int:
    """Give all tensors of one layer new values. Their sizes stay."""
    with path.open("r+b") as file:
        (head,) = struct.unpack("<Q", file.read(8))
        tensors = json.loads(file.read(head))
        spans = [tensors[name]["data_offsets"] for name in tensors if name.startswith(f"layers.{layer}.")]
        for start, end in spans:
            file.seek(8 + head + start)
            file.writelines(pieces(end - start, 1_000_000 + start))
    return sum(end - start for start, end in spans)


def tar(path: Path, members: int, size: int, changed: int = -1) -> int:
    """An archive of `members` files of noise; the one called `changed` has other content and is a little longer."""
    with tarfile.open(path, "w") as archive:
        for number in range(members):
            other = number == changed
            info = tarfile.TarInfo(f"images/{number:05d}.jpg")
            info.size = size + other
            info.mtime = 1_700_000_000
            archive.addfile(info, io.BytesIO(random.Random(number + 1_000_000 * other).randbytes(info.size)))
    return size + 1


_SYLLABLES = tuple(a + b for a in "bdfgklmnprst" for b in ("a", "e", "i", "o", "u", "an", "er", "is", "ol", "um"))


def text(path: Path, size: int) -> None:
    """Words, in lines."""
    source = random.Random(3)
    with path.open("w") as file:
        while file.tell() < size:
            syllables = source.choices(_SYLLABLES, k=30_000)
            words = ["".join(syllables[at : at + source.randint(1, 4)]) for at in range(0, 30_000, 3)]
            file.writelines(" ".join(words[at : at + 12]) + "\n" for at in range(0, len(words), 12))


def edit_text(path: Path, places: int) -> int:
    """Replace a word or two at `places` places, all over the file."""
    content = path.read_bytes()
    step = len(content) // (places + 1)
    ends = [0, *range(step, step * (places + 1), step)]
    with path.open("wb") as file:
        for number, (start, end) in enumerate(zip(ends, [*ends[1:], len(content)], strict=True)):
            file.write(content[start:end] if not number else b"another word %d" % number + content[start + 10 : end])
    return sum(len(b"another word %d" % number) for number in range(1, places + 1))


def parquet(path: Path, count: int, *, scaled: bool = False, inserted: int = 0) -> None:
    """A table of `count` rows, written with content-defined pages; one column scaled, or rows inserted at a third."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    table = _table(count, seed=1)
    if scaled:
        at = table.schema.get_field_index("price")
        table = table.set_column(at, "price", pc.multiply(table["price"], 1.19))
    if inserted:
        import pyarrow as pa

        table = pa.concat_tables([table[: count // 3], _table(inserted, seed=2), table[count // 3 :]])
    pq.write_table(table, path, use_content_defined_chunking=True, use_dictionary=False)


def _table(count: int, seed: int):  # a pyarrow.Table; pyarrow is there only for the bench
    import pyarrow as pa
    import pyarrow.compute as pc

    columns = {"id": pa.array(range(count))}
    for at, name in enumerate(("price", "weight", "x", "y", "z")):
        columns[name] = pc.random(count, initializer=seed * 100 + at)
    columns["amount"] = pc.cast(pc.floor(pc.multiply(columns["x"], 10_000)), "int32")
    columns["shop"] = pc.binary_join_element_wise(
        "shop", pc.cast(pc.floor(pc.multiply(columns["y"], 300)), pa.string()), "-"
    )
    return pa.table(columns)


def column_size(path: Path, name: str) -> int:
    """Bytes that a column takes in the Parquet file."""
    import pyarrow.parquet as pq

    metadata = pq.read_metadata(path)
    at = metadata.schema.names.index(name)
    groups = [metadata.row_group(number).column(at) for number in range(metadata.num_row_groups)]
    return sum(group.total_compressed_size for group in groups)


def total_size(folder: Path) -> int:
    """Bytes of all files below `folder`."""
    return sum(os.path.getsize(os.path.join(top, name)) for top, _, names in os.walk(folder) for name in names)

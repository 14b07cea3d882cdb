"""Every decoder, given what no encoder has written: it refuses with an error of ours, or it has found another valid
encoding; in memory that follows the size of what it was given, and without hanging.

One engine for all of them. `make fuzz` runs it for longer than the tests do.
"""

from __future__ import annotations

import signal
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import profile_samples
import pytest
from hypothesis import given
from hypothesis import strategies as st
from monitored import monitored_windows
from strategies import condemned_lists, damaged, entries, indexes, locks, oids, pointers, repository_entries, rows

from dver.config.toml_files import parse_toml
from dver.core.errors import DverError
from dver.core.oid import Oid
from dver.formats import (
    condemned,
    experiment,
    lock,
    measurements,
    monitor_history,
    pack,
    pointer,
    profile,
    recipe,
    registered_clone,
    remote_index,
    remote_listing,
    remote_repository,
    tree,
)
from dver.formats.experiment import Experiment, ExperimentStatus
from dver.formats.pack import Codec, ObjectKind, Row
from dver.formats.recipe import CHUNK_MAX, Chunk
from dver.formats.tree import Leaf, Shard
from dver.store.objects.codec import Decoder, Encoder

MEMORY_FACTOR = 400
MEMORY_FLOOR = 8 << 20
"""Bytes that a decoder may use whatever it is given, and how many more for each byte of that."""
CPU_SECONDS = 20.0


@dataclass(frozen=True)
class Target:
    """A decoder: what it reads, and what comes of decoding and encoding again (None where that need not be equal)."""

    valid: st.SearchStrategy[bytes]
    there_and_back: Callable[[bytes], bytes | None]


def tree_again(content: bytes) -> bytes:
    found = tree.decode(content)
    return tree.encode_leaf(found.entries) if isinstance(found, Leaf) else tree.encode_sharded(found.shards)


def index_again(content: bytes) -> bytes:
    found = remote_index.decode(content)
    return remote_index.encode(found.roots, found.packs, found.objects)


def condemned_again(content: bytes) -> bytes:
    found = condemned.decode(content)
    return condemned.encode(found.at, found.packs, found.indexes, grace=found.grace)


def pointer_again(content: bytes) -> None:
    found = pointer.decode(content)
    assert pointer.decode(pointer.rewrite(content, found)) == found


def entry_again(content: bytes) -> None:
    found = experiment.decode_entry(content)
    assert experiment.decode_entry(experiment.encode_entry(found)) == found


def history_again(content: bytes) -> None:
    """Lines may come in any order, since Git merges them."""
    found = monitor_history.decode_history(content)
    assert monitor_history.decode_history(monitor_history.encode_history(found)) == found


def trailer_again(content: bytes) -> None:
    length, _ = pack.decode_trailer(content)
    assert 0 <= length < 1 << 64  # compared with the size of the file by whoever asks


def frame_header_again(content: bytes) -> bytes:
    return pack.frame_header_bytes(pack.decode_frame_header(content, 16))


def toml_read(content: bytes) -> None:
    parse_toml(Path("config.toml"), content)


def framed(content: bytes) -> bytes:
    codec, payload = Encoder().encode(content)
    header, _ = pack.frame_header(Oid.of(content), ObjectKind.BLOB, codec, len(content), payload)
    return header + payload


def frame_opened(content: bytes) -> None:
    """As a frame comes from a remote: described by its own header, but for the size, which is that of what came."""
    row = pack.decode_frame_header(content[: pack.FRAME_HEADER_SIZE], 16)
    said = row._replace(stored_size=max(0, len(content) - pack.FRAME_HEADER_SIZE), checksum=0)
    _, found = Decoder().open_frame(said, content)
    assert row.codec is Codec.CHUNKED or Oid.of(found) == row.oid


SHARDS = [Shard(b"a", Oid.of(b"a"), 5, 6000, 6000), Shard(b"m", Oid.of(b"x"), 7, 9000, 9000)]
TOML = b"[core]\njobs = 4\n[remote.origin]\nurl = 's3://bucket/x' # ours\nsize = 9_000\nwhen = 2026-01-01\n"
CHUNKS = st.lists(st.builds(Chunk, oids, st.integers(1, CHUNK_MAX)), min_size=1, max_size=12)
NAMES = st.dictionaries(st.from_regex(r"[0-9a-f]{8}\.(idx|condemned)", fullmatch=True), st.integers(0, 10**17))

EXPERIMENTS = [
    Experiment(
        id=str(number) * 32,
        name="brave-otter",
        status=ExperimentStatus.DONE,
        baseline="a" * 40,
        commit="b" * 40,
        updated=number,
        params={"params.yaml": {"lr": 0.1, "layers": [1, {"a": None}]}},
        data={"data": "c" * 64},
        set=("params.yaml:lr=0.1",),
        created=1.5,
        exit_code=0,
        removed=True,
    )
    for number in range(3)
]

TARGETS = {
    "pointer": Target(pointers().map(pointer.encode), pointer_again),
    "lock": Target(locks().map(lock.encode), lambda content: lock.encode(lock.decode(content))),
    "tree": Target(entries().map(tree.encode_leaf), tree_again),
    "shards": Target(st.just(tree.encode_sharded(SHARDS)), tree_again),
    "footer": Target(rows().map(pack.encode_footer), lambda content: pack.encode_footer(pack.decode_footer(content))),
    "trailer": Target(rows().map(lambda one: pack.encode_trailer(pack.encode_footer(one))), trailer_again),
    "frame header": Target(
        st.binary(max_size=60).map(lambda one: framed(one)[: pack.FRAME_HEADER_SIZE]), frame_header_again
    ),
    "frame": Target(
        st.binary(max_size=300).map(framed) | st.integers(0, 3000).map(lambda n: framed(b"x" * n)), frame_opened
    ),
    "recipe": Target(CHUNKS.map(recipe.encode), lambda content: recipe.encode(recipe.decode(content).chunks)),
    "index": Target(indexes().map(lambda one: remote_index.encode(one.roots, one.packs, one.objects)), index_again),
    "condemned list": Target(
        condemned_lists().map(lambda one: condemned.encode(one.at, one.packs, one.indexes, grace=one.grace)),
        condemned_again,
    ),
    "listing": Target(
        NAMES.map(remote_listing.encode), lambda content: remote_listing.encode(remote_listing.decode(content))
    ),
    "journal entry": Target(st.just(experiment.encode_entry(EXPERIMENTS)), entry_again),
    "repository entry": Target(
        repository_entries().map(remote_repository.encode),
        lambda content: remote_repository.encode(remote_repository.decode(content)),
    ),
    "configuration": Target(st.just(TOML), toml_read),
}


def register_again(content: bytes) -> bytes:
    return registered_clone.encode(registered_clone.decode(content))


def head_of(index: remote_index.RemoteIndex) -> bytes:
    content = remote_index.encode(index.roots, index.packs, index.objects)
    return content[: remote_index.head_size(content)]


WORDS = st.text(alphabet='aé "\\/.\u2028', max_size=20)
TARGETS["profile"] = Target(
    st.builds(
        profile_samples.profile_of,
        st.lists(st.tuples(WORDS, st.sampled_from(profile.ColumnType), st.binary(min_size=1)), max_size=4),
    ).map(profile.encode),
    lambda content: profile.encode(profile.decode(content)),
)
TARGETS["measurements"] = Target(
    st.lists(
        st.tuples(oids, st.none() | st.integers(0, 2**63 - 1), st.none() | st.floats(-1, 1), st.none() | WORDS),
        max_size=5,
    ).map(lambda rows: measurements.encode(profile_samples.measurements_of({oid: row for oid, *row in rows}))),
    lambda content: measurements.encode(measurements.decode(content)),
)
TARGETS["history of a monitor"] = Target(
    st.lists(monitored_windows(), max_size=3).map(monitor_history.encode_history), history_again
)
TARGETS["index head"] = Target(indexes().map(head_of), lambda content: remote_index.decode_head(content).encoded)
TARGETS["clone in the register"] = Target(
    st.builds(
        registered_clone.CloneEntry,
        WORDS.map(lambda path: f"/{path}"),
        WORDS,
        WORDS,
        st.text(alphabet="0123456789abcdef", min_size=32, max_size=32),
        st.integers(0, registered_clone.SEEN_MAX),
    ).map(registered_clone.encode),
    register_again,
)

LIES = [bytes(4), b"\xff" * 4, b"\xff\xff\xff\x7f", b"\1" + bytes(7), b"\xff" * 8, b"\xff" * 7 + b"\x7f", b"9" * 30]


@st.composite
def mutated(draw: st.DrawFn, valid: st.SearchStrategy[bytes]) -> bytes:
    """Valid bytes, harmed: flipped, cut, something put in, two spliced, or a number near the start that lies."""
    match draw(st.sampled_from(("damage", "splice", "lie", "repeat", "head", "random"))):
        case "damage":
            return draw(damaged(valid))
        case "splice":
            left, right = draw(valid), draw(valid)
            return left[: draw(st.integers(0, len(left)))] + right[draw(st.integers(0, len(right))) :]
        case "lie":
            content = bytearray(draw(valid))
            lie = draw(st.sampled_from(LIES))
            at = draw(st.integers(0, min(len(content), 200)))
            content[at : at + len(lie)] = lie
            return bytes(content)
        case "repeat":
            content = draw(valid)
            start, end = sorted(draw(st.tuples(st.integers(0, len(content)), st.integers(0, len(content)))))
            return content[:end] + content[start:end] * draw(st.integers(1, 30)) + content[end:]
        case "head":
            return draw(valid)[: draw(st.integers(0, 24))] + draw(st.binary(max_size=200))
        case _:
            return draw(st.binary(max_size=300))


@contextmanager
def bounded(size: int) -> Iterator[None]:
    """Within it no more memory is used, and no more time of the processor, than `size` bytes can be worth."""

    def stop(*_: object) -> None:
        raise AssertionError("it hangs")

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, CPU_SECONDS)
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
    assert peak <= MEMORY_FLOOR + MEMORY_FACTOR * size, f"{peak:,} bytes for {size:,}"


def check(target: Target, content: bytes) -> None:
    with bounded(len(content)), suppress(DverError):
        again = target.there_and_back(content)
        assert again is None or again == content


@pytest.mark.parametrize("name", TARGETS)
@given(data=st.data())
def test_a_decoder_refuses_or_finds_another_valid_encoding(name: str, data: st.DataObject) -> None:
    check(TARGETS[name], data.draw(mutated(TARGETS[name].valid)))


@pytest.mark.parametrize("name", TARGETS)
@given(data=st.data())
def test_what_an_encoder_writes_survives_the_same_check(name: str, data: st.DataObject) -> None:
    content = data.draw(TARGETS[name].valid)
    again = TARGETS[name].there_and_back(content)
    assert again is None or again == content


@pytest.mark.parametrize("name", TARGETS)
def test_a_decoder_is_given_what_is_large(name: str) -> None:
    """A million of anything: zeros, ones, digits, brackets, quotes, colons."""
    for byte in b"\0\xff9[{\"':\n &*":
        check(TARGETS[name], bytes((byte,)) * 1_000_000)


@pytest.mark.parametrize("name", TARGETS)
@given(data=st.data())
def test_a_valid_beginning_that_goes_on_for_a_megabyte(name: str, data: st.DataObject) -> None:
    content = data.draw(TARGETS[name].valid)
    check(TARGETS[name], content[: data.draw(st.integers(0, len(content)))] + data.draw(st.sampled_from(LIES)) * 30_000)


def test_a_number_of_thousands_of_digits_in_the_configuration_is_refused() -> None:
    with pytest.raises(DverError, match="not valid TOML"):
        toml_read(b"x = " + b"9" * 10_000)


@pytest.mark.parametrize("promised", [0, 1, 99_999, 64 << 20, (64 << 20) + 1, 1 << 40, (1 << 63) - 1])
def test_a_compression_bomb_is_refused_before_it_is_unpacked(promised: int) -> None:
    zeros = bytes(100_000_000)
    codec, payload = Encoder().encode(zeros)
    del zeros
    assert codec is Codec.ZSTD
    oid = Oid.of(b"small")
    header, checksum = pack.frame_header(oid, ObjectKind.BLOB, codec, promised, payload)
    row = Row(oid, ObjectKind.BLOB, codec, 16, promised, len(payload), checksum)
    with bounded(1 << 20), pytest.raises(DverError):
        Decoder().open_frame(row._replace(checksum=0), header + payload)
    with bounded(1 << 20), pytest.raises(DverError):
        Decoder().decode(row, payload)

"""A repository cloned from a stranger, whose remote is the stranger's too.

What is wrong is refused in words, in bounded memory, and nothing is written but where data belongs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import zstandard
from support import Result, git, make_git_repo, run_measured
from workspaces import Content, listing, write

from dver.core.oid import Oid
from dver.formats import condemned, pack, recipe, remote_index, tree
from dver.formats import pointer as pointer_format
from dver.formats.pack import Codec, ObjectKind, Row
from dver.formats.pointer import Pointer
from dver.formats.recipe import Chunk
from dver.formats.remote_index import IndexRow, PackRef
from dver.formats.tree import Entry, Kind

EVIL = b"#!/bin/sh\ntouch pwned\n"
GOOD = b"good\n"
MEMORY = 300 << 20
"""Bytes that no command may use for what comes from a stranger; a bomb is several times as large."""
ADDRESSES = 3 << 30
BOMB = 1 << 30
COMMANDS = (
    ("check", "available", "--remote"),
    ("fetch",),
    ("pull", "--force"),
    ("checkout",),
    ("ls", "-R"),
    ("diff",),
    ("status",),
)
EXIT_CODES = {0, 1, 2, 3, 4, 5, 6, 7}


@dataclass
class Stranger:
    """A Git repository and a folder remote, both made by hand."""

    folder: Path
    frames: list[tuple[Row, bytes]] = field(default_factory=list)
    at: int = len(pack.HEADER)

    def __post_init__(self) -> None:
        self.repo = make_git_repo(self.folder / "theirs")
        self.remote = self.folder / "remote"
        self.setting = b'[remote.origin]\nurl = "../remote"\n[core]\nremote = "origin"\n'

    def object(self, content: bytes, kind: ObjectKind = ObjectKind.BLOB) -> Oid:
        """An honest object."""
        return self.frame(Oid.of(content), kind, Codec.RAW, len(content), content)

    def frame(self, oid: Oid, kind: ObjectKind, codec: Codec, raw_size: int, payload: bytes) -> Oid:
        """Any frame."""
        header, checksum = pack.frame_header(oid, kind, codec, raw_size, payload)
        self.frames.append((Row(oid, kind, codec, self.at, raw_size, len(payload), checksum), header + payload))
        self.at += len(header) + len(payload)
        return oid

    def tree(self, *entries: Entry) -> Oid:
        """A tree, whatever is in it."""
        return self.object(tree.encode_leaf(sorted(entries)), ObjectKind.TREE)

    def file(self, name: bytes, content: bytes = GOOD, size: int | None = None) -> Entry:
        """An entry of an honest blob; of a size that may be a lie."""
        return Entry(name, Kind.FILE, self.object(content), len(content) if size is None else size)

    def pack(self) -> tuple[Oid, bytes]:
        """All frames so far as a pack: its name and bytes."""
        rows = [row for row, _ in self.frames]
        footer = pack.encode_footer(sorted(rows))
        content = pack.HEADER + b"".join(frame for _, frame in self.frames) + footer + pack.encode_trailer(footer)
        return Oid.of(footer), content

    def upload(self, root: Oid, change: Callable[[IndexRow], IndexRow] = lambda one: one) -> None:
        """Put the pack, and an index of it in which `change` may lie, on the remote."""
        name, content = self.pack()
        rows = {row.oid: IndexRow(row.oid, 0, *row[1:6]) for row, _ in reversed(self.frames)}
        self.put(f"packs/{name.hex()}.pack", content)
        self.put_index([root], [PackRef(name, len(content))], [change(rows[oid]) for oid in sorted(rows)])

    def put_index(self, roots: Sequence[Oid], packs: Sequence[PackRef], rows: Sequence[IndexRow]) -> None:
        """Put an index on the remote."""
        content = remote_index.encode(roots, packs, rows)
        self.put(f"indexes/{remote_index.name_of(content).hex()}.idx", content)

    def put(self, key: str, content: bytes) -> None:
        """Put anything on the remote."""
        write(self.remote, {key: content})

    def point(self, oid: Oid, *, kind: ObjectKind = ObjectKind.TREE, size: int = 5, name: str = "data") -> None:
        """Commit a pointer."""
        self.commit({f"{name}.dver": pointer_format.encode(Pointer(kind, oid, size))})

    def commit(self, files: dict[str, bytes]) -> None:
        """Commit any files."""
        write(self.repo, {".dver/config.toml": self.setting, **files})
        git("add", "--force", "--all", cwd=self.repo)
        git("commit", "--quiet", "-m", "Trust me", cwd=self.repo)

    def attack(self, root: Oid, change: Callable[[IndexRow], IndexRow] = lambda one: one, **pointer: object) -> None:
        """Upload, and commit a pointer to `root`."""
        self.upload(root, change)
        self.point(root, **pointer)  # type: ignore[arg-type]


@dataclass
class Victim:
    """A clone of it. `outside` lies beside: nothing may appear there."""

    folder: Path

    def __post_init__(self) -> None:
        self.repo = self.folder / "clone"
        write(self.folder / "outside", {"precious": b"mine"})
        git("clone", "--quiet", "theirs", "clone", cwd=self.folder)
        self.around = self.elsewhere()

    def elsewhere(self) -> dict[bytes, Content]:
        """All that is neither data nor dver's own."""
        own = (b"clone/data", b"clone/.git/dver", b"clone/.git/index")
        return {name: content for name, content in listing(self.folder).items() if not name.startswith(own)}

    def run(self, *args: str) -> Result:
        """`dver ARGS...`: never a crash, never much memory, never anything elsewhere."""
        ended, memory = run_measured(*args, cwd=self.repo, address_space=ADDRESSES)
        shown = f"dver {args}: {ended}"
        assert ended.rc in EXIT_CODES, shown
        assert "Traceback" not in ended.err, shown
        assert "internal error" not in ended.err, shown
        assert ended.rc < 2 or "error: " in ended.err or "warning: " in ended.err, shown
        assert not any(char in ended.err + ended.out for char in "\x1b\x07\r\x08"), shown
        assert memory < MEMORY, f"dver {args} used {memory >> 20} MiB"
        assert self.elsewhere() == self.around
        return ended

    def run_all(self) -> list[Result]:
        """Every command that a careless user may try."""
        return [self.run(*command) for command in COMMANDS]

    @property
    def data(self) -> dict[bytes, Content]:
        """What became data."""
        return listing(self.repo / "data")


@pytest.fixture
def stranger(tmp_path: Path) -> Stranger:
    return Stranger(tmp_path / "world")


def bomb(size: int = BOMB) -> bytes:
    """`size` zeros, compressed, with that size in zstd's own header."""
    compressor = zstandard.ZstdCompressor(level=1).compressobj(size=size)
    piece = bytes(16 << 20)
    parts = [compressor.compress(piece) for _ in range(size // len(piece))]
    return b"".join(parts) + compressor.flush()


def quiet_bomb() -> bytes:
    """The same without the size in its header."""
    compressor = zstandard.ZstdCompressor(level=1, write_content_size=False).compressobj()
    piece = bytes(16 << 20)
    return b"".join([compressor.compress(piece) for _ in range(BOMB // len(piece))]) + compressor.flush()


def test_an_honest_stranger_is_believed(stranger: Stranger) -> None:
    stranger.attack(stranger.tree(stranger.file(b"good")))
    victim = Victim(stranger.folder)
    assert victim.run_all()[-1].rc == 0
    assert victim.data == {b"good": ("file", GOOD)}


@pytest.mark.parametrize("promised", [5, BOMB, 64 << 20], ids=["little", "all", "just enough"])
@pytest.mark.parametrize("kind", [ObjectKind.BLOB, ObjectKind.TREE])
@pytest.mark.parametrize("make", [bomb, quiet_bomb])
def test_a_compression_bomb_is_refused(
    make: Callable[[], bytes], kind: ObjectKind, promised: int, stranger: Stranger
) -> None:
    oid = stranger.frame(Oid.of(b"bomb"), kind, Codec.ZSTD, promised, make())
    good = stranger.file(b"good")
    wrapped = Kind.FILE if kind is ObjectKind.BLOB else Kind.DIRECTORY
    stranger.attack(stranger.tree(Entry(b"bomb", wrapped, oid, promised), good))
    victim = Victim(stranger.folder)
    for command in (("fetch",), ("pull",), ("checkout",), ("status",)):
        victim.run(*command)
    assert b"bomb" not in victim.data or victim.data[b"bomb"][0] == "directory"


@pytest.mark.parametrize("promised", [5, 1 << 20, 10**6 * (1 << 20)], ids=["small", "one chunk", "all"])
def test_a_recipe_of_one_chunk_a_million_times_fills_no_disk(promised: int, stranger: Stranger) -> None:
    chunk = bytes(1 << 20)
    oid = stranger.object(chunk)
    listed = recipe.encode([Chunk(oid, len(chunk))] * 10**6)
    blob = stranger.frame(Oid.of(b"endless"), ObjectKind.BLOB, Codec.CHUNKED, promised, listed)
    stranger.attack(stranger.tree(Entry(b"endless", Kind.FILE, blob, 5), stranger.file(b"good")))
    victim = Victim(stranger.folder)
    for command in (("fetch",), ("pull",), ("checkout",), ("status",)):
        victim.run(*command)
    assert b"endless" not in victim.data
    assert sum(path.stat().st_blocks * 512 for path in victim.repo.rglob("*") if path.is_file()) < 200 << 20


@pytest.mark.parametrize("size", [0, 4, 6, 1 << 40, (1 << 62)])
def test_sizes_in_trees_that_are_lies_do_no_harm(size: int, stranger: Stranger) -> None:
    stranger.attack(stranger.tree(stranger.file(b"lie", size=size), stranger.file(b"honest", b"other")))
    victim = Victim(stranger.folder)
    victim.run_all()
    assert victim.data.get(b"honest") in (None, ("file", b"other"))
    assert victim.data.get(b"lie") in (None, ("file", GOOD))


@pytest.mark.parametrize("change", ["raw_size", "stored_size", "offset", "pack_size", "kind"])
def test_an_index_that_lies_is_found_out(change: str, stranger: Stranger) -> None:
    root = stranger.tree(stranger.file(b"good"), stranger.file(b"other", b"another file\n"))
    name, content = stranger.pack()
    rows = [IndexRow(row.oid, 0, *row[1:6]) for row, _ in stranger.frames]
    size = len(content)
    if change == "pack_size":
        size = 1 << 50
    elif change == "kind":
        rows = [row._replace(kind=ObjectKind.BLOB) for row in rows]
    elif change == "offset":
        rows = [row._replace(offset=rows[(at + 1) % len(rows)].offset) for at, row in enumerate(rows)]
    else:
        rows = [row._replace(**{change: getattr(row, change) + 3, "codec": Codec.ZSTD}) for row in rows]
    stranger.put(f"packs/{name.hex()}.pack", content)
    stranger.put_index([root], [PackRef(name, size + 10)], sorted(rows))
    stranger.point(root)
    victim = Victim(stranger.folder)
    victim.run_all()
    assert victim.data.get(b"good") in (None, ("file", GOOD))
    assert victim.data.get(b"other") in (None, ("file", b"another file\n"))


def test_an_index_that_names_somebody_elses_pack_gives_nothing_of_it(stranger: Stranger) -> None:
    stranger.object(b"somebody else's secret")
    theirs, content = stranger.pack()
    stranger.put(f"packs/{theirs.hex()}.pack", content)
    row = stranger.frames[0][0]
    wanted = Oid.of(b"what the pointer names")
    lie = IndexRow(wanted, 0, ObjectKind.BLOB, Codec.RAW, row.offset, row.raw_size, row.stored_size)
    stranger.put_index([wanted], [PackRef(theirs, len(content))], [lie])
    stranger.point(wanted, kind=ObjectKind.BLOB, size=22)
    victim = Victim(stranger.folder)
    assert victim.run("pull").rc in (5, 6, 7)
    victim.run_all()
    assert victim.data == {}


def test_a_pack_whose_name_is_not_its_own_is_refused_or_gives_what_is_right(stranger: Stranger) -> None:
    root = stranger.tree(stranger.file(b"good"))
    _, content = stranger.pack()
    other = Oid.of(b"another pack")
    stranger.put(f"packs/{other.hex()}.pack", content)
    rows = sorted(IndexRow(row.oid, 0, *row[1:6]) for row, _ in stranger.frames)
    stranger.put_index([root], [PackRef(other, len(content))], rows)
    stranger.point(root)
    victim = Victim(stranger.folder)
    victim.run_all()
    assert victim.data in ({}, {b"good": ("file", GOOD)})


@pytest.mark.parametrize(
    "name",
    [
        b"..",
        b".",
        b".git",
        b".GIT",
        b".Git",
        b"git~1",
        b".git.",
        ".g\u200cit".encode(),
        b"a/b",
        b"/tmp/pwned",
        b"../outside/x",
        b"a\0b",
        b"",
    ],
)
def test_names_that_lead_elsewhere_are_refused(name: bytes, stranger: Stranger) -> None:
    hook = Entry(b"post-checkout", Kind.EXECUTABLE, stranger.object(EVIL), len(EVIL))
    hooks = Entry(b"hooks", Kind.DIRECTORY, stranger.tree(hook), len(EVIL))
    folder = Entry(name, Kind.DIRECTORY, stranger.tree(hooks), len(EVIL))
    stranger.attack(stranger.tree(folder, stranger.file(b"good")))
    victim = Victim(stranger.folder)
    assert any(ended.rc == 6 for ended in victim.run_all())
    assert not any(b"post-checkout" in name for name in victim.data)


def test_a_name_full_of_control_characters_never_reaches_the_terminal(stranger: Stranger) -> None:
    stranger.attack(stranger.tree(stranger.file(b"\x1b]0;pwned\x07\r\x08\x1b[31m"), stranger.file(b"gone", size=3)))
    victim = Victim(stranger.folder)
    victim.run_all()
    write(victim.repo, {"data/gone": b"changed"})
    victim.run("status")
    victim.run("diff")


def test_a_link_that_becomes_a_folder_is_not_written_through(stranger: Stranger) -> None:
    link = Entry(b"a", Kind.SYMLINK, stranger.object(b"../../outside"), 13)
    first = stranger.tree(link, stranger.file(b"good"))
    folder = Entry(b"a", Kind.DIRECTORY, stranger.tree(stranger.file(b"x", EVIL)), len(EVIL))
    second = stranger.tree(folder, stranger.file(b"good"))
    stranger.upload(first)
    stranger.point(first)
    git("tag", "first", cwd=stranger.repo)
    stranger.point(second)
    git("tag", "second", cwd=stranger.repo)
    stranger.put_index([second], [], [])
    victim = Victim(stranger.folder)
    victim.run("pull", "--all-commits")
    for rev in ("first", "second", "first", "second"):
        git("checkout", "--quiet", rev, cwd=victim.repo)
        victim.around = victim.elsewhere()
        victim.run("checkout", "--force")
        assert victim.data[b"a"][0] == ("link" if rev == "first" else "directory")
    assert listing(victim.folder / "outside") == {b"precious": ("file", b"mine")}


def test_a_tree_with_a_link_and_a_folder_of_one_name_is_refused(stranger: Stranger) -> None:
    below = stranger.tree(stranger.file(b"x", EVIL))
    link = Entry(b"a", Kind.SYMLINK, stranger.object(b"../../outside"), 13)
    stranger.attack(stranger.tree(link, Entry(b"a", Kind.DIRECTORY, below, len(EVIL))))
    victim = Victim(stranger.folder)
    assert any(ended.rc == 6 for ended in victim.run_all())
    assert victim.data == {}


def test_a_pointer_below_a_link_in_other_data_is_not_followed(stranger: Stranger) -> None:
    link = Entry(b"sub", Kind.SYMLINK, stranger.object(b"../../outside"), 13)
    root = stranger.tree(link)
    evil = stranger.object(EVIL)
    stranger.attack(root)
    pointer = pointer_format.encode(Pointer(ObjectKind.BLOB, evil, len(EVIL)))
    stranger.commit({"data/sub/x.dver": pointer})
    victim = Victim(stranger.folder)
    victim.run_all()
    assert listing(victim.folder / "outside") == {b"precious": ("file", b"mine")}


def test_a_folder_that_git_makes_a_link_is_not_written_through(stranger: Stranger) -> None:
    evil = stranger.object(EVIL)
    stranger.upload(evil)
    write(stranger.repo, {"folder/x.dver": pointer_format.encode(Pointer(ObjectKind.BLOB, evil, len(EVIL)))})
    stranger.commit({})
    victim = Victim(stranger.folder)
    (victim.repo / "folder/x.dver").unlink()
    (victim.repo / "folder").rmdir()
    (victim.repo / "folder").symlink_to("../outside")
    victim.around = victim.elsewhere()
    for command in (("checkout", "HEAD"), ("checkout", "--force", "HEAD"), ("pull", "--force"), ("pull", "folder/x")):
        victim.run(*command)


YAML_BOMB = b"a0: &a0 [x, x, x, x, x, x, x, x]\n" + b"".join(
    b"a%d: &a%d [%s]\n" % (level, level, b", ".join([b"*a%d" % (level - 1)] * 9)) for level in range(1, 30)
)


@pytest.mark.parametrize(
    "content",
    [
        YAML_BOMB,
        b"version: 1\nkind: blob\noid: blake3:" + b"0" * 64 + b"\nsize: " + b"9" * 100_000 + b"\n",
        b"version: 1\nkind: blob\nkind: tree\noid: blake3:" + b"0" * 64 + b"\nsize: 5\n",
        b"version: 1\nkind: blob\noid: blake3:" + b"0" * 64 + b"\nsize: 9223372036854775807\n",
        b"version: 99999999999999999999\n",
        b"[" * 100_000,
        b"? " * 50_000,
        b"x: " + b"\x1b[31m" * 10,
        b"a: !!python/object/apply:os.system ['touch pwned']\n",
        b"#" + b" " * (2 << 20),
        b"\xff" * 1000,
    ],
    ids=["bomb", "digits", "twice", "huge", "version", "deep", "questions", "escapes", "python", "long", "binary"],
)
def test_a_pointer_that_is_none_is_refused(content: bytes, stranger: Stranger) -> None:
    stranger.commit({"data.dver": content})
    victim = Victim(stranger.folder)
    ended = victim.run_all()
    assert any(one.rc for one in ended)
    assert victim.data == {}


@pytest.mark.parametrize(
    "content",
    [
        b"x = " + b"9" * 10_000,
        b"x = " + b"[" * 100_000,
        b"[core]\nremote = 5\n",
        b"\xff",
        b"[remote.'\x1b[31m']\nurl='x'\n",
    ],
    ids=["digits", "deep", "type", "binary", "escapes"],
)
def test_a_configuration_that_is_none_is_refused(content: bytes, stranger: Stranger) -> None:
    stranger.setting = content
    stranger.attack(stranger.tree(stranger.file(b"good")))
    Victim(stranger.folder).run_all()


def test_a_list_that_condemns_everything_keeps_nobody_from_reading(stranger: Stranger) -> None:
    stranger.attack(stranger.tree(stranger.file(b"good")))
    packs, indexes = (
        [Oid(bytes.fromhex(p.stem)) for p in (stranger.remote / d).iterdir()] for d in ("packs", "indexes")
    )
    content = condemned.encode(0, packs, indexes)
    stranger.put(f"indexes/{Oid.of(content).hex()}.condemned", content)
    victim = Victim(stranger.folder)
    assert victim.run("pull").rc == 0
    assert victim.data == {b"good": ("file", GOOD)}
    assert run_measured("push", cwd=victim.repo, address_space=ADDRESSES)[0].rc == 0


@pytest.mark.parametrize("content", [b"", b"[" * 1000, bytes(70 << 20)], ids=["empty", "nonsense", "large"])
@pytest.mark.parametrize("suffix", ["idx", "condemned"])
def test_rubbish_among_the_indexes_is_told_or_passed_over(suffix: str, content: bytes, stranger: Stranger) -> None:
    stranger.attack(stranger.tree(stranger.file(b"good")))
    stranger.put(f"indexes/{Oid.of(content).hex()}.{suffix}", content)
    stranger.put("indexes/README", b"not an index")
    victim = Victim(stranger.folder)
    victim.run_all()
    assert victim.data in ({}, {b"good": ("file", GOOD)})


def test_a_count_of_rows_that_is_a_lie_costs_no_memory(stranger: Stranger) -> None:
    stranger.attack(stranger.tree(stranger.file(b"good")))
    (index,) = (stranger.remote / "indexes").iterdir()
    honest = index.read_bytes()
    for at in range(5, 17):
        content = honest[:at] + b"\xff\xff\xff\x7f" + honest[at + 4 :]
        stranger.put(f"indexes/{Oid.of(content).hex()}.idx", content)
    victim = Victim(stranger.folder)
    victim.run("fetch")
    victim.run("check", "available", "--remote")


def test_a_folder_in_place_of_a_pack_is_an_error(stranger: Stranger) -> None:
    stranger.attack(stranger.tree(stranger.file(b"good")))
    (pack_file,) = (stranger.remote / "packs").iterdir()
    pack_file.unlink()
    pack_file.mkdir()
    assert Victim(stranger.folder).run("pull").rc in (5, 6, 7)

"""`dver.lock`: the last run of each stage (docs/format/lock.md).

It is YAML, but only in the form that `encode` writes, read line by line. So a hostile file cannot be large or
ambiguous, and thousands of stages are read quickly. Values that are not plain are JSON, which is YAML.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Never

from dver.core.display import Displayed
from dver.core.errors import ConflictError, CorruptError, NewerVersionError
from dver.core.oid import Oid
from dver.formats.cursor import SIZE_MAX
from dver.formats.lock_values import decode_value, encode_value
from dver.formats.objectref import ObjectRef
from dver.formats.pack import ObjectKind
from dver.formats.pointer import SKIPPED, Pointer
from dver.formats.tree import Entry, entry_of

NAME: Final = "dver.lock"
VERSION: Final = 1
MAX_SIZE: Final = 64 << 20
"""The largest size of a lock file in bytes."""

_PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_./@+-]*")
_YAML_WORDS: Final = re.compile(r"true|false|yes|no|on|off|null|y|n", re.IGNORECASE)
_CONFLICT: Final = re.compile(r"(?m)^(<{7,}|>{7,})( |$)")
_KEYED: Final = re.compile(r'((?:"(?:[^"\\]|\\.)*"|[^\s"#:][^\s":]*)):(?: (.+))?')
_DIGEST: Final = re.compile(r"(?:scrypt|blake3):[0-9a-f]{32}")
"""The digest of the value of an environment variable."""
_OPTIONAL: Final = frozenset(("executable", "cache", "checks", "push", "remote"))
"""The optional keys of an item. All but `remote` have one valid value, which the comparison of bytes checks."""
_END: Final = "version: 1"


@dataclass(frozen=True, slots=True)
class LockedItem:
    """A dependency or an output. `size` is in bytes, and `path` relative to the directory of the lock file.

    `cache`, `push` and `remote` are the options of an output in `dver.yaml` when the stage ran.
    """

    path: str
    kind: ObjectKind
    oid: Oid
    size: int
    files: int = 1
    executable: bool = False
    cache: bool = True
    """Is its content in the store?"""
    push: bool = True
    remote: str | None = None
    """The remote it is pushed to, if not the default one."""
    checks_skipped: bool = False
    """Was the output recorded with `--no-checks`, although checks name it?"""

    @property
    def entry(self) -> Entry:
        """The entry that a directory would have for it."""
        path = os.fsencode(self.path)
        return entry_of(path, self.kind, self.oid, self.size, self.files, executable=self.executable)

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef(self.oid, self.kind, os.fsencode(self.path), self.size)

    @property
    def pointer(self) -> Pointer:
        """The pointer that would track it."""
        return Pointer(
            self.kind,
            self.oid,
            self.size,
            self.files,
            self.executable,
            self.remote,
            self.push,
            checks_skipped=self.checks_skipped,
        )


@dataclass(frozen=True, slots=True, repr=False)
class LockedStage(Displayed):
    """The last run of a stage: its command, dependencies, outputs and parameters."""

    cmd: str | tuple[str, ...]
    deps: tuple[LockedItem, ...] = ()
    outs: tuple[LockedItem, ...] = ()
    params: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Values by file and key: JSON values, floats that are not finite, and long integers."""
    env: Mapping[str, str | None] = field(default_factory=dict)
    """The digests of the environment variables it depends on, by name; None for an unset one."""
    wdir: str = "."
    """The working directory of the command, relative to the directory of the lock file."""
    external: Mapping[str, str] = field(default_factory=dict)
    """The fingerprints of its dependencies outside of the repository, by URL or absolute path."""


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock file: the last run of each stage, by name."""

    stages: Mapping[str, LockedStage] = field(default_factory=dict)


def encode(lock: Lock) -> bytes:
    """The bytes of `lock`. Raises CorruptError for a value that cannot be written."""
    return joined([encode_stage(name, lock.stages[name]) for name in sorted(lock.stages)])


def encode_stage(name: str, stage: LockedStage) -> str:
    return "".join(line + "\n" for line in _stage_lines(name, stage))


def decode(content: bytes) -> Lock:
    """Decode a lock file. Raises ConflictError for merge markers, and CorruptError for what `encode` never writes."""
    if len(content) > MAX_SIZE:
        raise CorruptError("a lock file that is too large", why=f"{len(content)} bytes, at most {MAX_SIZE} are read")
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise CorruptError("a lock file that is not text", why=f"byte {error.start} is not UTF-8") from None
    if _CONFLICT.search(text):
        raise ConflictError(
            "a lock file with merge conflict markers",
            why="both sides changed a stage",
            fix="take the lines of one side, or run `dver repro`; then `git add` it",
        )
    lock = _Parser(text.split("\n")).lock()
    again = encode(lock)
    if again != content:
        raise _other_form(content, again)
    return lock


def joined(blocks: Sequence[str]) -> bytes:
    """A lock file of encoded stages in order."""
    return f"stages:{'' if blocks else ' {}'}\n{''.join(blocks)}{_END}\n".encode()


# -- writing


def _stage_lines(name: str, stage: LockedStage) -> Iterator[str]:
    yield f"  {_key(name)}:"
    if isinstance(stage.cmd, str):
        yield f"    cmd: {encode_value(stage.cmd)}"
    else:
        yield "    cmd:" if stage.cmd else "    cmd: []"
        yield from (f"    - {encode_value(line)}" for line in stage.cmd)
    yield from _list_lines("deps", stage.deps)
    if stage.env:
        yield "    env:"
        yield from (f"      {_key(name)}: {_digest(stage.env[name])}" for name in sorted(stage.env))
    if stage.external:
        yield "    external:"
        yield from (f"      {_key(url)}: {encode_value(stage.external[url])}" for url in sorted(stage.external))
    yield from _list_lines("outs", stage.outs)
    yield from _params_lines(stage)
    if stage.wdir != ".":
        yield f"    wdir: {_key(stage.wdir)}"


def _params_lines(stage: LockedStage) -> Iterator[str]:
    files = {file: values for file, values in stage.params.items() if values}
    if files:
        yield "    params:"
        for file in sorted(files):
            yield f"      {_key(file)}:"
            yield from (f"        {_key(key)}: {_param(file, key, files[file][key])}" for key in sorted(files[file]))


def _param(file: str, key: str, value: object) -> str:
    try:
        return encode_value(value)
    except CorruptError as error:
        raise CorruptError(
            f"the parameter {key!r} of {file!r} cannot be recorded",
            why=error.why,
            fix="write it as text, in quotes, or remove it from the parameters of the stage",
        ) from None


def _list_lines(key: str, items: Sequence[LockedItem]) -> Iterator[str]:
    if items:
        yield f"    {key}:"
        for item in sorted(items, key=lambda one: one.path):
            yield from _item_lines(item)


def _item_lines(item: LockedItem) -> Iterator[str]:
    yield f"    - path: {_key(item.path)}"
    if not item.cache:
        yield "      cache: false"
    if item.checks_skipped:
        yield f"      checks: {SKIPPED}"
    if item.executable:
        yield "      executable: true"
    if item.kind is ObjectKind.TREE:
        yield f"      files: {item.files}"
    yield f"      kind: {item.kind.name.lower()}"
    yield f"      oid: {item.oid}"
    if not item.push:
        yield "      push: false"
    if item.remote is not None:
        yield f"      remote: {_key(item.remote)}"
    yield f"      size: {item.size}"


def _key(text: str) -> str:
    return text if _PLAIN.fullmatch(text) and not _YAML_WORDS.fullmatch(text) else encode_value(text)


def _digest(digest: str | None) -> str:
    if digest is None:
        return "null"
    if not _DIGEST.fullmatch(digest):  # a value may be a secret, and lock files are public
        raise CorruptError("the value of an environment variable", why="lock files hold digests only")
    return digest


# -- reading


@dataclass(slots=True)
class _Parser:
    """Reads a lock file line by line."""

    lines: Sequence[str]
    at: int = 0

    def lock(self) -> Lock:
        stages: dict[str, LockedStage] = {}
        head = self.take()
        if head == "stages:":
            while (name := self.key(2)) is not None:
                self.once(name, stages)
                stages[name] = self.stage(name)
        elif head != "stages: {}":
            self.fail("expected `stages:`", back=1)
        self.version()
        return Lock(stages)

    def stage(self, name: str) -> LockedStage:
        fields: dict[str, Any] = {}
        readers: dict[str, Callable[[str], Any]] = {
            "cmd": self.cmd,
            "deps": self.items,
            "env": self.env,
            "external": self.external,
            "outs": self.items,
            "params": self.params,
            "wdir": self.named,
        }
        while (found := self.keyed(4)) is not None:
            key, text = found
            self.once(key, fields)
            if key not in readers:
                self.fail(f"a stage has no `{key[:80]}`", back=1)
            fields[key] = readers[key](text)
        if "cmd" not in fields:
            self.fail(f"the stage {name[:80]!r} has no `cmd`")
        return LockedStage(**fields)

    def cmd(self, text: str) -> str | tuple[str, ...]:
        if text == "[]":
            return ()
        if text:
            return self.text(text)
        found = []
        while self.peek().startswith("    - "):
            found.append(self.text(self.take()[6:]))
        return tuple(found)

    def items(self, text: str) -> tuple[LockedItem, ...]:
        if text:
            self.fail("expected a list", back=1)
        found: dict[str, LockedItem] = {}
        while self.peek().startswith("    - path: "):
            path = self.named(self.take().removeprefix("    - path: "))
            self.once(path, found)
            found[path] = self.item(path)
        return tuple(found.values())

    def item(self, path: str) -> LockedItem:
        fields: dict[str, str] = {}
        while (found := self.keyed(6)) is not None:
            self.once(found[0], fields)
            fields[found[0]] = found[1]
        kind = fields.get("kind", "")
        wanted = {"kind", "oid", "size"} | ({"files"} if kind == "tree" else set())
        if kind not in ("tree", "blob") or not wanted <= fields.keys() or fields.keys() - wanted - _OPTIONAL:
            self.fail(f"{path[:80]!r} needs `kind` (blob or tree), `oid`, `size`, and `files` if it is a tree")
        try:
            oid = Oid.parse(fields["oid"])
        except CorruptError as error:
            self.fail(f"{path[:80]!r}: {error.what}")
        files = self.number(fields["files"]) if kind == "tree" else 1
        return LockedItem(
            path,
            ObjectKind[kind.upper()],
            oid,
            self.number(fields["size"]),
            files,
            executable="executable" in fields,
            cache="cache" not in fields,
            push="push" not in fields,
            remote=self.named(fields["remote"]) if "remote" in fields else None,
            checks_skipped="checks" in fields,
        )

    def env(self, text: str) -> dict[str, str | None]:
        if text:
            self.fail("expected a mapping", back=1)
        found: dict[str, str | None] = {}
        while (pair := self.keyed(6)) is not None:
            self.once(pair[0], found)
            if pair[1] != "null" and not _DIGEST.fullmatch(pair[1]):
                self.fail("expected a digest of an environment variable, or null", back=1)
            found[pair[0]] = None if pair[1] == "null" else pair[1]
        return found

    def external(self, text: str) -> dict[str, str]:
        if text:
            self.fail("expected a mapping", back=1)
        found: dict[str, str] = {}
        while (pair := self.keyed(6)) is not None:
            self.once(pair[0], found)
            found[pair[0]] = self.text(pair[1])
        return found

    def params(self, text: str) -> dict[str, dict[str, Any]]:
        if text:
            self.fail("expected a mapping", back=1)
        files: dict[str, dict[str, Any]] = {}
        while (file := self.key(6)) is not None:
            self.once(file, files)
            values = files[file] = {}
            while (found := self.keyed(8)) is not None:
                self.once(found[0], values)
                values[found[0]] = self.value(found[1])
        return files

    def version(self) -> None:
        line = self.take()
        found = re.fullmatch(r"version: (\d{1,9})", line)
        if found and int(found[1]) > VERSION:
            raise NewerVersionError.of_format("a lock file", int(found[1]), VERSION)
        if line != _END or self.lines[self.at :] != [""]:
            self.fail(f"expected a stage, or `{_END}` and the end", back=1)

    def peek(self) -> str:
        return self.lines[self.at] if self.at < len(self.lines) else ""

    def take(self) -> str:
        line = self.peek()
        self.at += 1
        return line

    def key(self, indent: int) -> str | None:
        found = self.keyed(indent)
        if found is not None and found[1]:
            self.fail("expected no value here", back=1)
        return found[0] if found else None

    def keyed(self, indent: int) -> tuple[str, str] | None:
        """The key of the next line, if it has this indentation, and the text after it."""
        line = self.peek()
        if not line.startswith(" " * indent) or line[indent : indent + 1] in (" ", "-", ""):
            return None
        match = _KEYED.fullmatch(line, indent)
        self.at += 1
        if match is None:
            self.fail("expected a key and a colon", back=1)
        return self.named(match[1]), match[2] or ""

    def named(self, text: str) -> str:
        return self.text(text) if text.startswith('"') else text

    def text(self, text: str) -> str:
        value = self.value(text)
        if not isinstance(value, str):
            self.fail("expected text in double quotes", back=1)
        return value

    def value(self, text: str) -> Any:
        try:
            return decode_value(text, self.mapping)
        except (ValueError, RecursionError) as error:
            plain = isinstance(error, (json.JSONDecodeError, RecursionError))
            self.fail("expected a value as JSON writes it" if plain else str(error), back=1)

    def mapping(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in pairs:
            self.once(key, found)
            found[key] = value
        return found

    def number(self, text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,19}", text) or int(text) > SIZE_MAX:
            self.fail("expected a whole number", back=1)
        return int(text)

    def once(self, key: str, known: Mapping[str, Any]) -> None:
        if key in known:
            self.fail(f"{key[:80]!r} is there twice", back=1)

    def fail(self, why: str, *, back: int = 0) -> Never:
        raise CorruptError("a lock file that cannot be read", why=f"line {self.at + 1 - back}: {why}", fix=_FIX)


_FIX: Final = "restore it with `git checkout HEAD -- dver.lock`, or delete it and run `dver repro`"


def _other_form(content: bytes, again: bytes) -> CorruptError:
    """The error for a file in another form than `encode` writes. It names the first different line."""
    pairs = zip(content.split(b"\n"), again.split(b"\n"), strict=False)
    line = next((at for at, (found, wanted) in enumerate(pairs, 1) if found != wanted), 1)
    why = f"line {line}: not as dver writes it, or not in order"
    return CorruptError("a lock file that cannot be read", why=why, fix=_FIX)

"""The events of the registry: its annotated tags, oldest first."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from dver.core.display import Displayed
from dver.core.garbage_collector import collector_paused
from dver.formats.registry_tag import RegistryTag, TagDetails, decode_details, split_message
from dver.git.git_repo import CommitId, GitRepo, run
from dver.git.piped import piped

_TAGS: Final = "refs/tags/"
_HEADER: Final = re.compile(
    rb"object ([0-9a-f]+)\ntype ([a-z]+)\ntag [^\n]*(?:\ntagger [^\n]*> (\d{1,18})[^\n>]*)?(?:\n|$)"
)
_TAGGER: Final = re.compile(rb"\ntagger ([^<\n]*?) ?<([^>\n]*)>")
_SIGNATURE: Final = re.compile(r"^-----BEGIN (?:PGP|SSH|SIGNED) (?:SIGNATURE|MESSAGE)-----$", re.MULTILINE)


@dataclass(frozen=True, slots=True, repr=False)
class RegistryEvent(Displayed):
    """One annotated tag of the registry."""

    tag: RegistryTag
    commit: CommitId
    time: int
    """Unix seconds."""
    annotation: bytes = b""
    """The whole tag object; its parts are decoded when they are asked for, since most commands need few of them."""

    @property
    def author(self) -> str:
        """The name of the tagger; empty if the tag has none."""
        return self._tagger(1)

    @property
    def email(self) -> str:
        """The address of the tagger."""
        return self._tagger(2)

    @property
    def message(self) -> str:
        """The message, without the details and without a signature."""
        return self._message()[0]

    @property
    def encoded_details(self) -> str:
        """The line with the details; empty for a tag of GTO."""
        return self._message()[1]

    @property
    def details(self) -> TagDetails:
        """What dver recorded in the tag; empty for a tag of GTO. Raises CorruptError."""
        return decode_details(self.encoded_details)

    @property
    def order(self) -> tuple[int, int]:
        """Sorts events by time, as GTO does; numbers decide within a second."""
        return self.time, self.tag.number or 0

    def _tagger(self, part: int) -> str:
        found = _TAGGER.search(self.annotation, 0, self.annotation.find(b"\n\n"))
        return found[part].decode(errors="replace") if found else ""

    def _message(self) -> tuple[str, str]:
        text = self.annotation.partition(b"\n\n")[2].decode(errors="replace")
        return split_message(_SIGNATURE.split(text, 1)[0] if "-----BEGIN" in text else text)


@dataclass(frozen=True, slots=True, repr=False)
class UnusableTag(Displayed):
    """A tag with a name of the registry that is no event, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True, repr=False)
class RegistryTags(Displayed):
    """The tags of the registry."""

    events: tuple[RegistryEvent, ...]
    """Oldest first."""
    unusable: tuple[UnusableTag, ...] = ()


def read_registry_tags(git: GitRepo, artifact: str | None = None) -> RegistryTags:
    """The tags of all artifacts, or of one. Raises RepositoryError if Git cannot list its tags."""
    events: list[RegistryEvent] = []
    unusable: list[UnusableTag] = []
    with collector_paused():
        for tag, kind, content in _contents(git, artifact):
            found = _event(tag, kind, content)
            if isinstance(found, RegistryEvent):
                events.append(found)
            else:
                unusable.append(UnusableTag(str(tag), found))
        events.sort(key=lambda one: one.order)
    return RegistryTags(tuple(events), tuple(unusable))


def _contents(git: GitRepo, artifact: str | None) -> Iterator[tuple[RegistryTag, bytes, bytes]]:
    """Each tag with the type and content of its object. The type of a missing object is empty."""
    listing = ["for-each-ref", "--format=%(objectname) %(refname)", *_patterns(artifact)]
    missing: set[str] = set()
    with piped(git, listing, ["cat-file", "--batch=%(objecttype) %(objectsize) %(rest)", "--buffer"]) as output:
        for line in iter(output.readline, b""):
            kind, size, *names = line.split()
            if not names:  # such as `d1a0… missing`
                missing.add(kind.decode())
                continue
            content = output.read(int(size) + 1)  # a line break follows
            tag = _tag(names[0], artifact)
            if tag is not None:
                yield tag, kind, content[:-1]
    if missing:
        for line in run(git, listing).splitlines():
            object_id, _, name = line.partition(b" ")
            tag = _tag(name, artifact)
            if tag is not None and object_id.decode() in missing:
                yield tag, b"", b""


def _patterns(artifact: str | None) -> list[str]:
    """Patterns of `git for-each-ref` for tags of the registry. Names of artifacts and stages may have slashes."""
    name = "**/*" if artifact is None else artifact.replace(":", "=")
    return [f"{_TAGS}{name}{rest}" for rest in ("@*", "#*", "#*/**")]


def _tag(name: bytes, artifact: str | None) -> RegistryTag | None:
    """The tag of the registry that a ref is; None for other tags, and for those of other artifacts."""
    tag = RegistryTag.parse(name[len(_TAGS) :].decode(errors="replace"))
    return tag if tag is not None and artifact in (None, tag.artifact) else None


def _event(tag: RegistryTag, kind: bytes, content: bytes) -> RegistryEvent | str:
    """The event of a tag's object, or the reason why there is none."""
    if not kind:
        return "its object is missing or corrupt in this clone"
    if kind != b"tag":
        return "it is a lightweight tag"
    fields = _HEADER.match(content)
    if fields is None:
        return "its object is corrupt"
    target, target_type, time = fields.groups()
    if target_type != b"commit":
        return f"it names a {target_type.decode()}, not a commit"
    return RegistryEvent(tag, CommitId(target.decode()), int(time or 0), content)

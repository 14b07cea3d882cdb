"""The events of the registry: its annotated tags, oldest first."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from dver.core.display import Displayed
from dver.formats.registry_tag import RegistryTag, TagDetails, decode_details, split_message
from dver.git.git_repo import CommitId, GitRepo, run

_TAGS: Final = "refs/tags/"
_HEADER: Final = re.compile(
    rb"object (?P<target>[0-9a-f]+)\ntype (?P<type>[a-z]+)\ntag (?P<name>[^\n]*)"
    rb"(?:\ntagger (?P<author>[^<\n]*?) ?<(?P<email>[^>\n]*)> (?P<time>\d+)[^\n]*)?"
)
_SIGNATURE: Final = re.compile(r"^-----BEGIN (?:PGP|SSH|SIGNED) (?:SIGNATURE|MESSAGE)-----$", re.MULTILINE)


@dataclass(frozen=True, slots=True, repr=False)
class RegistryEvent(Displayed):
    """One annotated tag of the registry."""

    tag: RegistryTag
    commit: CommitId
    time: int
    """Unix seconds."""
    author: str
    email: str
    message: str
    """Without the details."""
    encoded_details: str = ""

    @property
    def details(self) -> TagDetails:
        """What dver recorded in the tag; empty for a tag of GTO. Raises CorruptError."""
        return decode_details(self.encoded_details)

    @property
    def order(self) -> tuple[int, int]:
        """Sorts events by time, as GTO does; numbers decide within a second."""
        return self.time, self.tag.number or 0


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
    tags = _tags_by_object(git, artifact)
    events: list[RegistryEvent] = []
    unusable: list[UnusableTag] = []
    for tag, content in _contents(git, tags):
        found = _event(tag, content)
        if isinstance(found, RegistryEvent):
            events.append(found)
        else:
            unusable.append(UnusableTag(str(tag), found))
    return RegistryTags(tuple(sorted(events, key=lambda one: one.order)), tuple(unusable))


def _tags_by_object(git: GitRepo, artifact: str | None) -> list[tuple[str, RegistryTag]]:
    """The ids of the tags of the registry, with their names."""
    where = [_TAGS]
    if artifact is not None:
        where = [f"{_TAGS}{artifact.replace(':', '=')}{separator}*" for separator in "@#"]
    listed = os.fsdecode(run(git, ["for-each-ref", "--format=%(objectname) %(refname)", *where]))
    found: list[tuple[str, RegistryTag]] = []
    for line in listed.splitlines():
        object_id, _, name = line.partition(" ")
        tag = RegistryTag.parse(name[len(_TAGS) :])
        if tag is not None and artifact in (None, tag.artifact):
            found.append((object_id, tag))
    return found


def _contents(
    git: GitRepo, tags: list[tuple[str, RegistryTag]]
) -> Iterator[tuple[RegistryTag, tuple[bytes, bytes] | None]]:
    """Each tag with the type and content of its object; None if Git does not have it."""
    asked = "".join(f"{object_id}\n" for object_id, _ in tags).encode()
    output = run(git, ["cat-file", "--batch", "--buffer"], stdin=asked) if tags else b""
    at = 0
    for _, tag in tags:
        end = output.index(b"\n", at)
        parts = output[at:end].split(b" ")
        at = end + 1
        if len(parts) != 3:
            yield tag, None
            continue
        size = int(parts[2])
        yield tag, (parts[1], output[at : at + size])
        at += size + 1  # a line break follows


def _event(tag: RegistryTag, content: tuple[bytes, bytes] | None) -> RegistryEvent | str:
    """The event of a tag's object, or the reason why there is none."""
    if content is None:
        return "its object is missing in this clone"
    kind, data = content
    if kind != b"tag":
        return "it is a lightweight tag"
    header, _, message = data.partition(b"\n\n")
    fields = _HEADER.match(header)
    if fields is None:
        return "its object is corrupt"
    if fields["type"] != b"commit":
        return f"it names a {fields['type'].decode()}, not a commit"
    text, details = split_message(_SIGNATURE.split(message.decode(errors="replace"), 1)[0])
    return RegistryEvent(
        tag,
        CommitId(fields["target"].decode()),
        int(fields["time"] or 0),
        (fields["author"] or b"").decode(errors="replace"),
        (fields["email"] or b"").decode(errors="replace"),
        text,
        details,
    )

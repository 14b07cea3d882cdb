"""The section of models that a merge would register: those whose content differs from their latest version."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from dver.core.errors import DverError
from dver.core.phrasing import count, human_size
from dver.git import revisions
from dver.git.registry.events import RegistryTags, read_registry_tags
from dver.git.registry.state import RegisteredArtifact
from dver.models.artifact import Artifact
from dver.models.artifact_content import ArtifactContent, CommitContents
from dver.models.commit_to_register import CommitToRegister
from dver.models.planned_tags import KnownTags
from dver.models.registered_paths import place_of
from dver.models.registration_plan import next_version
from dver.models.uncommitted_content import UncommittedContents
from dver.pipelines.compare.compared_versions import open_sides
from dver.reports.blocks.model import Code, Inline, ReportTable
from dver.reports.pull_request.model import SectionBody
from dver.reports.pull_request.subject import ReportSubject
from dver.reports.pull_request.wording import error_note, problem_notes


@dataclass(frozen=True, slots=True)
class _ModelToRegister:
    artifact: Artifact
    content: ArtifactContent
    registered: RegisteredArtifact
    next: str


def models_section(subject: ReportSubject) -> SectionBody:
    """The artifacts of `dver.yaml` that `dver model register --changed` would register, once the changes are merged."""
    head = revisions.head(subject.repo.git)
    assert head is not None  # a report has two versions
    commit = subject.new.commit
    contents = CommitContents(subject.repo, commit) if commit else UncommittedContents(subject.repo, head)
    found: list[_ModelToRegister] = []
    notes: list[Inline] = []
    with open_sides(subject.repo, subject.sides[1:]) as (side,):
        source = CommitToRegister(subject.repo, side, head)
        tags = read_registry_tags(subject.repo.git) if source.artifacts else RegistryTags(())
        for artifact in source.artifacts.values():
            try:
                content = contents.at(artifact.path)
                known = KnownTags.of(artifact.name, _tags_of(tags, artifact.name))
                if _is_changed(source, artifact, content, known.artifact):
                    found.append(_ModelToRegister(artifact, content, known.artifact, next_version(known)))
            except DverError as error:
                notes.append(error_note(error))
        notes += problem_notes(source.problems)
    if not found:
        return SectionBody(notes=tuple(notes))
    header: tuple[Inline, ...] = (("Name",), ("Path",), ("Size",), ("Latest version",), ("Next version",), ("Stages",))
    return SectionBody(
        (f"{count(len(found), 'version')} to register: ", Code("dver model register --changed"), "."),
        (ReportTable(header, tuple(_row(subject, one) for one in found), len(found), frozenset((2,))),),
        tuple(notes),
        {"models": list(map(_facts, found))},
    )


def _tags_of(tags: RegistryTags, name: str) -> RegistryTags:
    unusable = tuple(one for one in tags.unusable if one.name.startswith(name.replace(":", "=")))
    return RegistryTags(tuple(one for one in tags.events if one.tag.artifact == name), unusable)


def _is_changed(
    source: CommitToRegister, artifact: Artifact, content: ArtifactContent, registered: RegisteredArtifact
) -> bool:
    latest = registered.latest
    return latest is None or source.registered_identity(latest, place_of(artifact)) != content.identity


def _row(subject: ReportSubject, found: _ModelToRegister) -> tuple[Inline, ...]:
    latest = found.registered.latest
    stages = [f"{name}: {stage.version}" for name, stage in found.registered.stages.items()]
    return (
        (Code(found.artifact.name),),
        (Code(subject.repo.layout.shown(os.fsencode(found.artifact.path))),),
        (human_size(found.content.size) if found.content.size is not None else "-",),
        (Code(latest.version) if latest is not None else "-",),
        (Code(found.next),),
        (Code(", ".join(stages)) if stages else "-",),
    )


def _facts(found: _ModelToRegister) -> dict[str, Any]:
    latest = found.registered.latest
    return {
        "name": found.artifact.name,
        "path": found.artifact.path,
        "type": found.artifact.definition.type,
        "size": found.content.size,
        "latest": latest.version if latest is not None else None,
        "next": found.next,
        "stages": {name: stage.version for name, stage in found.registered.stages.items()},
    }

"""The checks of `dver model doctor` that need only the tags: unusable, conflicting and ambiguous ones. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Final

from dver.core.errors import CorruptError, NewerVersionError
from dver.core.phrasing import join_limited, quoted
from dver.formats.registry_tag import RegistryAction, RegistryTag, is_artifact_name
from dver.git.git_repo import CommitId
from dver.git.registry.events import RegistryEvent, UnusableTag
from dver.git.registry.state import ArtifactVersion, RegisteredArtifact
from dver.maintenance.project_checks import Finding, Level

_SIMILAR: Final = re.compile(r"(?P<name>.+)(?:@v\d.*|#.+#\d+)", re.DOTALL)
_SHORT: Final = 10


def check_unusable(tags: Iterable[UnusableTag], remote: str | None) -> Iterator[Finding]:
    """Check tags with names of the registry that register nothing. `remote` is the Git remote that may have them."""
    for one in tags:
        name = quoted(one.name)
        fix = f"git tag -d {name}"
        if "missing" in one.reason and remote is not None:
            fix += f" && git fetch {quoted(remote)} tag {name}"
        else:
            fix = f"if it is meant for the registry, remove it and make it with `dver model`: {fix}"
        tag = RegistryTag.parse(one.name)
        is_sure = tag is not None and (tag.version is not None or tag.number is not None)  # and not `issue#12`
        text = f"{one.name} is not used: {one.reason}"
        yield Finding(Level.PROBLEM if is_sure else Level.WARNING, "tags", text, fix)


def check_similar_names(names: Iterable[str]) -> Iterator[Finding]:
    """Check tags whose names are nearly those of the registry."""
    for name in names:
        found = _SIMILAR.fullmatch(name)
        if found is None or RegistryTag.parse(name) is not None:
            continue
        if not is_artifact_name(found["name"].replace("=", ":")):
            why = "the name of the artifact may have letters, digits, `-`, `_` and `/` only"
        elif "@v" in name:
            why = "its version is not semantic, such as v1.2.3"
        else:
            why = "the name of the stage may have letters, digits, `-`, `_` and `/` only"
        yield Finding(Level.WARNING, "tags", f"{name} is not used: {why}")


def check_artifact(artifact: RegisteredArtifact) -> Iterator[Finding]:
    """Check the events of an artifact, and the versions and stages that result from them."""
    yield from _check_details(artifact.events)
    yield from _check_versions(artifact)
    yield from _check_order(artifact.events)
    yield from _check_shared_commits(artifact)
    for stage in artifact.stages.values():
        if stage.version == stage.commit:
            yield Finding(
                Level.WARNING,
                "stages",
                f"stage {stage.stage} of {artifact.name} is at commit {stage.commit[:_SHORT]}, which has no version",
                f"dver model register {artifact.name} --rev {stage.commit[:_SHORT]}",
            )


def _check_details(events: Iterable[RegistryEvent]) -> Iterator[Finding]:
    for event in events:
        try:
            _ = event.details
        except NewerVersionError as error:
            yield Finding(Level.WARNING, "tags", f"{event.tag}: {error.what}", error.fix)
        except CorruptError as error:
            yield Finding(Level.PROBLEM, "tags", f"{event.tag}: {error.what}: {error.why or 'it was edited'}")


def _check_versions(artifact: RegisteredArtifact) -> Iterator[Finding]:
    """Check that no version is registered twice, and that only registered versions are removed."""
    registered: dict[str, RegistryEvent] = {}
    for event in artifact.events:
        version = event.tag.version
        if version is None:
            continue
        before = registered.get(version)
        if event.tag.action is RegistryAction.DEREGISTER:
            if before is None:
                text = f"{event.tag} removes {version} of {artifact.name}, which is not registered"
                yield Finding(Level.WARNING, "versions", text)
            registered.pop(version, None)
            continue
        if before is not None and before.commit != event.commit:
            yield Finding(
                Level.WARNING,
                "versions",
                f"{version} of {artifact.name} is registered twice: {before.tag} at commit {before.commit[:_SHORT]},"
                f" and {event.tag} at commit {event.commit[:_SHORT]}, which counts",
                f"if {before.tag} is wrong: git tag -d {quoted(str(before.tag))}",
            )
        registered[version] = event


def _check_order(events: Iterable[RegistryEvent]) -> Iterator[Finding]:
    """Check that the numbers of tags and their times have the same order."""
    numbered = [one for one in events if one.tag.number is not None]
    for earlier, later in pairwise(numbered):
        if (earlier.tag.number or 0) > (later.tag.number or 0):
            yield Finding(
                Level.WARNING,
                "tags",
                f"{later.tag} has a later time than {earlier.tag}, although its number is lower: times count",
            )


def _check_shared_commits(artifact: RegisteredArtifact) -> Iterator[Finding]:
    """Check stages of commits with several versions: GTO cannot read those."""
    of_commit: dict[CommitId, list[ArtifactVersion]] = {}
    for one in artifact.versions:
        of_commit.setdefault(one.commit, []).append(one)
    shared = {commit: found for commit, found in of_commit.items() if len(found) > 1}
    of_gto: set[CommitId] = set()
    for event, version in zip(artifact.events, artifact.versions_of_events, strict=True):
        if event.tag.stage is None or event.commit not in shared:
            continue
        if _recorded(event) is None:
            text = f"{event.tag} is at a commit with the versions {_names(shared[event.commit])}; {version} counts"
            yield Finding(Level.WARNING, "stages", text, "let dver assign stages: it records the version in the tag")
        of_gto.add(event.commit)
    for commit in of_gto:
        text = f"{_names(shared[commit])} of {artifact.name} are at one commit, which has a stage"
        yield Finding(Level.WARNING, "stages", f"{text}: `gto` refuses to read such a repository, dver reads it")


def _recorded(event: RegistryEvent) -> str | None:
    try:
        return event.details.version
    except CorruptError:  # which has a finding of its own
        return None


def _names(versions: Sequence[ArtifactVersion]) -> str:
    return join_limited([one.version for one in reversed(versions)])

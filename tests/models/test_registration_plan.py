"""Which tag registers a version."""

from __future__ import annotations

import pytest

from dver.core.errors import ConflictError
from dver.formats.registry_tag import RegistryTag, TagDetails
from dver.formats.semantic_version import SemanticVersion, VersionPart
from dver.git.git_repo import CommitId
from dver.git.registry.events import RegistryEvent, RegistryTags, UnusableTag
from dver.models.planned_tags import KnownTags, PlannedTag, tag_time
from dver.models.registration_plan import AlreadyRegisteredError, RegistrationRequest, plan_registration

DETAILS = TagDetails(path="model.pkl", size=3)


def known(*tags: tuple[str, str], unusable: tuple[str, ...] = ()) -> KnownTags:
    """The artifact with `tags`, each with its commit, a second apart."""
    events = []
    for time, (name, commit) in enumerate(tags):
        tag = RegistryTag.parse(name)
        assert tag is not None
        events.append(RegistryEvent(tag, CommitId(commit), time))
    return KnownTags.of("churn", RegistryTags(tuple(events), tuple(UnusableTag(one, "") for one in unusable)))


def plan(
    tags: KnownTags, version: str | None = None, part: VersionPart | None = None, *, unchanged: bool = False
) -> PlannedTag:
    semantic = SemanticVersion.parse(version) if version is not None else None
    request = RegistrationRequest(CommitId("c"), DETAILS, semantic, part)
    return plan_registration(tags, request, unchanged=unchanged)


def test_the_first_version_is_that_of_gto() -> None:
    found = plan(known())
    assert str(found.tag) == "churn@v0.0.1"
    assert (found.commit, found.version, found.details) == ("c", "v0.0.1", DETAILS)
    assert found.message == "Registering artifact churn version v0.0.1"


@pytest.mark.parametrize(
    ("part", "first", "after"),
    [(VersionPart.MAJOR, "v1.0.0", "v2.0.0"), (VersionPart.MINOR, "v0.1.0", "v1.3.0"), (None, "v0.0.1", "v1.2.4")],
)
def test_the_next_version_raises_a_part_of_the_highest_one(part: VersionPart | None, first: str, after: str) -> None:
    assert plan(known(), part=part).version == first
    assert plan(known(("churn@v1.2.3", "a"), ("churn@v0.9.0", "b")), part=part).version == after


def test_the_version_of_a_removed_one_is_not_used_again() -> None:
    tags = known(("churn@v1.0.0", "a"), ("churn@v1.0.1", "b"), ("churn@v1.0.1!", "b"))
    assert plan(tags).version == "v1.0.2"


def test_the_name_of_an_unusable_tag_is_not_used() -> None:
    assert plan(known(("churn@v1.0.0", "a"), unusable=("churn@v1.0.1",))).version == "v1.0.2"


def test_a_commit_gets_a_second_version_only_by_its_name() -> None:
    tags = known(("churn@v1.0.0-rc.1", "c"))
    with pytest.raises(AlreadyRegisteredError, match=r"already registered as v1\.0\.0-rc\.1") as caught:
        plan(tags)
    assert caught.value.fix == "to give it a second version, name it: dver model register churn v1.0.1"
    assert str(plan(tags, "v1.0.0").tag) == "churn@v1.0.0"


def test_unchanged_content_gets_a_second_version_only_by_its_name() -> None:
    tags = known(("churn@v1.0.0", "a"))
    with pytest.raises(AlreadyRegisteredError, match=r"already registered as v1\.0\.0"):
        plan(tags, unchanged=True)
    assert plan(tags, "v1.0.1", unchanged=False).version == "v1.0.1"


def test_a_removed_version_does_not_stop_the_registration_of_its_commit() -> None:
    tags = known(("churn@v1.0.0", "c"), ("churn@v1.0.0!", "c"))
    assert plan(tags).version == "v0.0.1"
    again = plan(tags, "v1.0.0")
    assert str(again.tag) == "churn@v1.0.0#1"
    assert again.existing is None


def test_a_version_names_one_commit() -> None:
    tags = known(("churn@v1.0.0", "a"), ("churn@v1.0.0!", "a"), ("churn@v1.0.1", "b"))
    for version, why in (("v1.0.1", "it names commit b"), ("v1.0.0", "it names commit a, and was removed")):
        with pytest.raises(ConflictError, match="has another version") as caught:
            plan(tags, version)
        assert caught.value.why == why
        assert caught.value.fix == "choose another one: dver model register churn v1.0.2"


def test_the_same_version_of_the_same_commit_is_the_existing_tag() -> None:
    found = plan(known(("churn@v1.0.0", "c")), "v1.0.0")
    assert found.existing is not None
    assert str(found.existing.tag) == "churn@v1.0.0"


def test_a_new_tag_is_dated_after_the_last_one_also_if_another_clock_was_ahead() -> None:
    artifact = known(("churn@v1.0.0", "a"), ("churn@v1.0.1", "b")).artifact
    assert tag_time(artifact, 100) == 100
    assert tag_time(artifact, 1) == 2
    assert tag_time(artifact, 0) == 2
    assert tag_time(known().artifact, 100) == 100

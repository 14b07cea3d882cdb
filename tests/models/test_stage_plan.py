"""Which tags assign versions to stages, and take them out."""

from __future__ import annotations

import pytest

from dver.core.errors import ConflictError, UsageError
from dver.formats.registry_tag import RegistryTag
from dver.git.git_repo import CommitId
from dver.git.registry.events import RegistryEvent, RegistryTags, UnusableTag
from dver.models.planned_tags import KnownTags, split_name
from dver.models.retirement_plan import plan_deprecation, plan_deregistration
from dver.models.stage_plan import earlier_version, plan_assignment, plan_rollback, plan_unassignment

VERSIONS = ("v1.0.0", "v2.0.0", "v3.0.0")


def known(*names: str, unusable: tuple[str, ...] = ()) -> KnownTags:
    """The artifact with three versions at the commits `1`, `2` and `3`, and further tags.

    `prod#1=2` assigns version 2 to the stage prod.
    """
    tags = [(f"churn@{one}", one[1]) for one in VERSIONS]
    tags += [(f"churn#{name}", commit) for name, _, commit in (one.partition("=") for one in names)]
    events = []
    for time, (name, commit) in enumerate(tags):
        tag = RegistryTag.parse(name) or RegistryTag.parse(name.replace("#@", "@"))
        assert tag is not None
        events.append(RegistryEvent(tag, CommitId(commit), time))
    return KnownTags.of("churn", RegistryTags(tuple(events), tuple(UnusableTag(one, "") for one in unusable)))


def test_an_assignment_gets_the_next_number_of_the_artifact() -> None:
    tags = known("prod#1=1", "dev#7=2", unusable=("churn#qa#9", "churn@v0.1.0#8"))
    found = plan_assignment(tags, "prod", "v2.0.0")
    assert str(found.tag) == "churn#prod#10"
    assert (found.commit, found.details.version) == ("2", "v2.0.0")
    assert [str(one.tag) for one in found.requires] == ["churn@v2.0.0"]
    assert found.message == "Assigning stage prod to artifact churn version v2.0.0"


def test_the_latest_version_is_assigned_by_default_and_another_stage_can_be_named() -> None:
    assert plan_assignment(known(), "prod", None).version == "v3.0.0"
    assert plan_assignment(known("dev#1=2"), "prod", "#dev").version == "v2.0.0"
    assert plan_assignment(known(), "prod", "@v1.0.0").version == "v1.0.0"
    assert plan_assignment(known(), "prod", "latest").version == "v3.0.0"


def test_assigning_the_current_version_is_the_existing_tag() -> None:
    found = plan_assignment(known("prod#1=1", "prod#2=2"), "prod", "v2.0.0")
    assert found.existing is not None
    assert str(found.tag) == "churn#prod#2"
    assert plan_assignment(known("prod#1=1", "prod#2=2"), "prod", "v1.0.0").existing is None


@pytest.mark.parametrize("stage", ["", "a b", "prod!", "-x", "prod#1", "a@b", "é"])
def test_impossible_stages_are_refused(stage: str) -> None:
    with pytest.raises(UsageError, match="invalid stage"):
        plan_assignment(known(), stage, None)


def test_the_current_version_is_taken_out_by_default() -> None:
    found = plan_unassignment(known("prod#1=1", "prod#2=2"), "prod", None)
    assert (str(found.tag), found.version) == ("churn#prod!#3", "v2.0.0")
    assert plan_unassignment(known("prod#1=1", "prod#2=2"), "prod", "v1.0.0").version == "v1.0.0"


def test_only_assigned_versions_can_be_taken_out() -> None:
    for tags, version in ((known("prod#1=1"), "v2.0.0"), (known("prod#1=1", "prod#2=2", "prod!#3=2"), "v2.0.0")):
        with pytest.raises(UsageError, match="is not in stage 'prod'"):
            plan_unassignment(tags, "prod", version)
    with pytest.raises(UsageError, match="no version of 'churn' is in stage 'prod'") as caught:
        plan_unassignment(known("dev#1=1"), "prod", None)
    assert caught.value.why == "stages with a version: dev"


def test_a_rollback_assigns_the_version_before_and_a_second_one_goes_further_back() -> None:
    steps = ["prod#1=1", "prod#2=2", "prod#3=3"]
    first = plan_rollback(known(*steps), "prod")
    assert (str(first.tag), first.version) == ("churn#prod#4", "v2.0.0")
    assert first.message == "Rolling back stage prod of artifact churn from v3.0.0 to v2.0.0"
    second = plan_rollback(known(*steps, "prod#4=2"), "prod")
    assert second.version == "v1.0.0"
    with pytest.raises(UsageError, match=r"had no version before v1\.0\.0"):
        plan_rollback(known(*steps, "prod#4=2", "prod#5=1"), "prod")


def test_after_a_rollback_and_a_new_assignment_the_rollback_returns_to_what_was_before_it() -> None:
    assert plan_rollback(known("prod#1=1", "prod#2=2", "prod#3=1", "prod#4=3"), "prod").version == "v1.0.0"


def test_versions_that_were_removed_or_taken_out_are_skipped() -> None:
    assert earlier_version(known("prod#1=1", "prod#2=2", "prod!#3=2", "prod#4=3").artifact, "prod") is not None
    found = plan_rollback(known("prod#1=1", "prod#2=2", "prod!#3=2", "prod#4=3"), "prod")
    assert found.version == "v1.0.0"
    tags = known("prod#1=1", "prod#2=2", "prod#3=3", "@v2.0.0!=2")
    assert plan_rollback(tags, "prod").version == "v1.0.0"


def test_a_stage_without_a_version_has_nothing_before() -> None:
    assert earlier_version(known().artifact, "prod") is None
    with pytest.raises(UsageError, match="no version of 'churn' is in stage 'prod'"):
        plan_rollback(known(), "prod")


def test_a_version_in_a_stage_is_not_removed() -> None:
    with pytest.raises(ConflictError, match=r"churn v1\.0\.0 is in stage prod") as caught:
        plan_deregistration(known("prod#1=1"), "v1.0.0")
    assert caught.value.fix == "dver model unassign churn prod v1.0.0"
    assert str(plan_deregistration(known("prod#1=1"), "v2.0.0").tag) == "churn@v2.0.0!"
    with pytest.raises(UsageError) as again:
        plan_deregistration(known("@v2.0.0!=2"), "v2.0.0")
    assert again.value.why == "it was removed from the registry"


def test_a_second_deprecation_is_the_existing_tag() -> None:
    assert str(plan_deprecation(known()).tag) == "churn@deprecated"
    found = plan_deprecation(known("@deprecated=3"))
    assert found.existing is not None
    again = plan_deprecation(known("@deprecated=3", "prod#1=1"))
    assert (str(again.tag), again.existing) == ("churn@deprecated#2", None)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("churn", None), ("churn", None)),
        (("churn", "v1.0.0"), ("churn", "v1.0.0")),
        (("churn@v1.0.0", None), ("churn", "@v1.0.0")),
        (("team/x:churn#dev", None), ("team/x:churn", "#dev")),
        (("team=churn", None), ("team:churn", None)),
    ],
)
def test_a_name_may_have_a_version(words: tuple[str, str | None], expected: tuple[str, str | None]) -> None:
    assert split_name(*words) == expected


@pytest.mark.parametrize("name", ["", "a b", "@v1.0.0", "-churn", "churn!", "a:b:c", "ch\nurn"])
def test_impossible_names_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match="invalid artifact name"):
        split_name(name, None)


def test_two_versions_are_refused() -> None:
    with pytest.raises(UsageError, match="name two versions"):
        split_name("churn@v1.0.0", "v2.0.0")

"""The state of the registry, by GTO's rules."""

from __future__ import annotations

from dver.formats.registry_tag import RegistryTag, TagDetails, encode_message
from dver.git.git_repo import CommitId
from dver.git.registry.events import RegistryEvent
from dver.git.registry.state import RegisteredArtifact, artifact_state


def state(*tags: tuple[str, str]) -> RegisteredArtifact:
    """The state after `tags`, each with its commit, one second apart."""
    return artifact_state("churn", [event(time, *one) for time, one in enumerate(tags)])


def event(time: int, name: str, commit: str, version: str | None = None) -> RegistryEvent:
    tag = RegistryTag.parse(name)
    assert tag is not None
    message = encode_message("text", TagDetails(version=version)) if version else "text"
    return RegistryEvent(tag, CommitId(commit), time, f"object {commit}\n\n{message}".encode())


def test_the_latest_version_is_the_highest_one() -> None:
    found = state(("churn@v1.10.0", "a"), ("churn@v1.9.0", "b"), ("churn@v1.10.0-rc.1", "c"))
    assert [one.version for one in found.versions] == ["v1.10.0", "v1.10.0-rc.1", "v1.9.0"]
    assert found.latest is not None
    assert found.latest.version == "v1.10.0"


def test_of_versions_that_differ_in_build_metadata_the_one_registered_last_is_the_latest() -> None:
    found = state(("churn@v1.0.0+b", "a"), ("churn@v1.0.0", "b"), ("churn@v1.0.0+a", "c"), ("churn@v0.1.0", "d"))
    assert [one.version for one in found.versions] == ["v1.0.0+a", "v1.0.0", "v1.0.0+b", "v0.1.0"]


def test_a_removed_version_is_not_the_latest_one_until_it_is_registered_again() -> None:
    removed = state(("churn@v1.0.0", "a"), ("churn@v2.0.0", "b"), ("churn@v2.0.0!", "b"))
    assert removed.latest is not None
    assert removed.latest.version == "v1.0.0"
    again = state(("churn@v2.0.0", "b"), ("churn@v2.0.0!", "b"), ("churn@v2.0.0#3", "b"))
    assert again.latest is not None
    assert again.latest.version == "v2.0.0"


def test_the_last_assignment_decides_and_removing_it_brings_the_one_before_back() -> None:
    tags = [("churn@v1.0.0", "a"), ("churn@v2.0.0", "b"), ("churn#prod#1", "a"), ("churn#prod#2", "b")]
    assert state(*tags).stages["prod"].version == "v2.0.0"
    assert state(*tags, ("churn#prod#3", "a")).stages["prod"].version == "v1.0.0"
    assert state(*tags, ("churn#prod!#3", "b")).stages["prod"].version == "v1.0.0"
    assert state(*tags, ("churn#prod!#3", "b"), ("churn#prod!#4", "a")).stages == {}


def test_the_details_say_which_of_two_versions_on_one_commit_a_stage_has() -> None:
    events = [
        event(0, "churn@v1.0.0-rc.1", "a"),
        event(1, "churn@v1.0.0", "a"),
        event(2, "churn#prod#1", "a", version="v1.0.0-rc.1"),
        event(3, "churn#dev#2", "a"),
    ]
    found = artifact_state("churn", events)
    assert {name: one.version for name, one in found.stages.items()} == {"prod": "v1.0.0-rc.1", "dev": "v1.0.0"}


def test_corrupt_details_do_not_hide_the_registry() -> None:
    broken = event(2, "churn#prod#1", "a")
    broken = RegistryEvent(broken.tag, broken.commit, broken.time, b"object a\n\ntext\n\ndver: broken")
    found = artifact_state("churn", [event(0, "churn@v1.0.0", "a"), event(1, "churn@v2.0.0", "a"), broken])
    assert found.stages["prod"].version == "v2.0.0"


def test_a_stage_of_a_commit_without_a_version_has_the_commit() -> None:
    found = state(("churn#prod#1", "abc"))
    assert found.stages["prod"].version == "abc"
    assert found.latest is None


def test_an_artifact_is_deprecated_until_the_next_event() -> None:
    assert state(("churn@v1.0.0", "a"), ("churn@deprecated", "a")).deprecation is not None
    assert state(("churn@v1.0.0", "a"), ("churn@deprecated", "a"), ("churn@v1.1.0", "b")).deprecation is None

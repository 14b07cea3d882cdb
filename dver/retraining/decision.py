"""The decision about a new version: the rule of dver.yaml, with the metrics that the registry recorded."""

from __future__ import annotations

from dataclasses import dataclass

from dver.formats.registry_tag import TagDetails
from dver.gates.recorded_checks import checks_passed
from dver.git.registry.events import read_registry_tags
from dver.git.registry.references import read_artifact
from dver.git.registry.state import ArtifactVersion, RegisteredArtifact
from dver.models.planned_tags import readable_details
from dver.pipelines.definition.promotion_rule import ComparedVersion, PromotionRule, PromotionVerdict, RuleValues
from dver.repo import Repository


@dataclass(frozen=True, slots=True)
class Decision:
    """What the rule says, and the version that is in the stage now."""

    verdict: PromotionVerdict
    before: str | None


def decide(repo: Repository, artifact: str, version: str, stage: str, rule: PromotionRule) -> Decision:
    """Compare `version` with the versions in the stages that `rule` names."""
    registered = read_artifact(repo.git, artifact)
    new = next(one for one in registered.versions if one.version == version)
    details = _details(new)
    known = {stage, *_stages_of_registry(repo)}
    values = RuleValues(
        ComparedVersion(version, details.metrics),
        {name: _in_stage(registered, name) for name in rule.stages | (rule.prefixes & known)},
        checks_passed(details.checks),
        stage,
    )
    current = registered.stages.get(stage)
    return Decision(rule.evaluate(values), current.version if current is not None else None)


def _stages_of_registry(repo: Repository) -> set[str]:
    """The stages that had a version of any artifact. Other names are likelier misspelt than stages yet to be used."""
    return {event.tag.stage for event in read_registry_tags(repo.git).events if event.tag.stage is not None}


def _in_stage(registered: RegisteredArtifact, name: str) -> ComparedVersion | None:
    current = registered.stages.get(name)
    found = next((one for one in registered.versions if current is not None and one.version == current.version), None)
    return None if found is None else ComparedVersion(f"{found.version} in {name}", _details(found).metrics)


def _details(version: ArtifactVersion) -> TagDetails:
    return readable_details(version.registration) if version.registration is not None else TagDetails()

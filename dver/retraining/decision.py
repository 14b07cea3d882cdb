"""The decision about a new version: the rule of dver.yaml, with the metrics that the registry recorded."""

from __future__ import annotations

from dataclasses import dataclass

from dver.formats.registry_tag import TagDetails
from dver.gates.recorded_checks import checks_passed
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
    values = RuleValues(
        ComparedVersion(version, details.metrics),
        {name: _in_stage(registered, name) for name in rule.stages if _is_stage(registered, name, stage)},
        checks_pass=checks_passed(details.checks),
    )
    current = registered.stages.get(stage)
    return Decision(rule.evaluate(values), current.version if current is not None else None)


def _is_stage(registered: RegisteredArtifact, name: str, stage: str) -> bool:
    """Whether the first part of a name is a stage, and not of a nested metric such as `test.loss`."""
    return name == stage or name in registered.stages


def _in_stage(registered: RegisteredArtifact, name: str) -> ComparedVersion | None:
    current = registered.stages.get(name)
    found = next((one for one in registered.versions if current is not None and one.version == current.version), None)
    return None if found is None else ComparedVersion(f"{found.version} in {name}", _details(found).metrics)


def _details(version: ArtifactVersion) -> TagDetails:
    return readable_details(version.registration) if version.registration is not None else TagDetails()

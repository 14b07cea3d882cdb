"""Builds the card of a version from facts about it and about the version before. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from dver.core.public_text import SecretFilter
from dver.formats.pack import ObjectKind
from dver.formats.pointer_source import Source, UrlSource
from dver.git.registry.state import RegisteredArtifact
from dver.models.card.card import CardData, CardEnvironment, CardStep, CardValue, ModelCard
from dver.models.card.version_facts import Values, VersionFacts
from dver.pipelines.compare.compared_versions import ReadProblem
from dver.pipelines.compare.directions import judge
from dver.pipelines.compare.values import ValueChange
from dver.pipelines.definition.param_files import ABSENT
from dver.pipelines.lineage import InputOrigin, LineageStep

_TRACKED_BY = {InputOrigin.POINTER: "dver", InputOrigin.GIT: "git", InputOrigin.LINK: "git"}
_OUTSIDE = "outside"


def build_card(
    artifact: RegisteredArtifact, facts: VersionFacts, before: VersionFacts | None, public: SecretFilter
) -> ModelCard:
    """The card of the version of `facts`, compared with the version of `before`."""
    version, details = facts.version, facts.details
    definition = facts.artifact.definition if facts.artifact is not None else None
    steps = facts.lineage.stages if facts.lineage is not None else ()
    content = facts.content
    problems = [*facts.problems, *(before.problems if before is not None else ())]
    return ModelCard(
        name=artifact.name,
        version=version.version,
        commit=version.commit,
        path=_public(public, facts.path),
        time=version.registration.time if version.registration else None,
        author=_public(public, version.registration.author if version.registration else None),
        message=public.text(version.registration.message) if version.registration else "",
        stages=version.stages,
        deprecated=artifact.deprecation is not None,
        type=_public(public, (definition.type if definition else None) or details.type),
        desc=_public(public, definition.desc if definition else None),
        labels=tuple(map(public.text, definition.labels if definition else ())),
        meta=public.value(definition.meta) if definition else None,
        content=details.content or (content.oid if content else None),
        size=details.size if details.size is not None else content.size if content else None,
        experiment=_public(public, details.experiment),
        compared_with=before.version.version if before is not None else None,
        metrics=tuple(_metrics(facts, before, public)),
        params=tuple(_params(facts, before, public)),
        data=tuple(_data(facts, before, public)),
        steps=tuple(_step(one, public) for one in steps),
        environment=_environment(facts, public),
        checks=public.value(details.checks),
        problems=tuple(dict.fromkeys(_problem(one, public) for one in problems)),
    )


def _metrics(facts: VersionFacts, before: VersionFacts | None, public: SecretFilter) -> Iterator[CardValue]:
    for file, key, change in _changes(facts.metrics, before.metrics if before is not None else {}):
        new, old = public.value(change.new), public.value(change.old)
        direction = facts.directions.of(file, key)
        verdict = judge(direction, change)
        yield CardValue(public.text(file), public.text(key), new, old, change.difference, direction, verdict)


def _params(facts: VersionFacts, before: VersionFacts | None, public: SecretFilter) -> Iterator[CardValue]:
    for file, key, change in _changes(facts.params, before.params if before is not None else {}):
        new, old = public.value(change.new, key), public.value(change.old, key)
        yield CardValue(public.text(file), public.text(key), new, ABSENT if change.old is ABSENT else old)


def _changes(values: Values, previous: Values) -> Iterator[tuple[str, str, ValueChange]]:
    for (file, key), value in values.items():
        yield file, key, ValueChange(key, previous.get((file, key), ABSENT), value)


def _data(facts: VersionFacts, before: VersionFacts | None, public: SecretFilter) -> Iterator[CardData]:
    previous = {one.place: one for one in before.inputs()} if before is not None else {}
    for one in facts.inputs():
        old = previous.get(one.place)
        is_tree = one.item is not None and one.item.kind is ObjectKind.TREE
        yield CardData(
            public.text(one.place),
            one.item.oid if one.item else None,
            one.item.size if one.item else None,
            one.item.files if one.item is not None and is_tree else None,
            _TRACKED_BY.get(one.origin, _OUTSIDE),
            _source_text(facts.imports.get(one.place), public),
            old is not None,
            old.item.oid if old is not None and old.item is not None else None,
        )


def _source_text(source: Source | None, public: SecretFilter) -> str | None:
    if source is None:
        return None
    if isinstance(source, UrlSource):
        return public.text(source.url)
    return f"{public.text(source.repo)}@{source.commit[:10]}:{public.text(source.path)}"


def _step(step: LineageStep, public: SecretFilter) -> CardStep:
    record = step.record
    commands = (step.run.cmd,) if isinstance(step.run.cmd, str) else step.run.cmd
    return CardStep(
        step.address.key,
        tuple(map(public.text, commands)),
        tuple(public.text(one.place) for one in step.sources),
        tuple(public.text(one.path) for one in step.run.outs),
        tuple(step.run.env),
        record.started if record else None,
        record.ended - record.started if record else None,
        record.peak_memory if record else None,
    )


def _environment(facts: VersionFacts, public: SecretFilter) -> CardEnvironment | None:
    """The environment of the stage that made the model; None without a record of its run."""
    record = facts.lineage.stages[0].record if facts.lineage is not None else None
    if record is None:
        return None
    packages = {public.text(name): public.text(version) for name, version in facts.environment.packages.items()}
    needed = {name: packages[name] for name in facts.environment.requirements if name in packages}
    return CardEnvironment(record.python, record.platform, record.gpus, needed, packages)


def _problem(problem: ReadProblem, public: SecretFilter) -> str:
    where = "" if problem.side in problem.error.what else f" (at {problem.side})"
    why = f"; {problem.error.why}" if problem.error.why else ""
    return public.text(f"{problem.error.what}{where}{why}")


def _public(public: SecretFilter, text: str | None) -> str | None:
    return public.text(text) if text is not None else None

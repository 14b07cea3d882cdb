"""`dver model card`: gather what is known about a version, and write its card."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final

from dver.core.display import Displayed
from dver.core.errors import DverError
from dver.core.files import write_atomic
from dver.core.html_page import refuse_foreign_page
from dver.git.registry.references import ArtifactReference, find_artifact, find_version
from dver.git.registry.state import ArtifactVersion, RegisteredArtifact
from dver.models.card.build import build_card
from dver.models.card.card import ModelCard
from dver.models.card.version_facts import VersionFacts, read_facts
from dver.models.stage_plan import earlier_version
from dver.pipelines.compare.compared_versions import ReadProblem
from dver.project.public_text import secret_filter
from dver.repo import Repository
from dver.reports.model_card.markdown import render_card_markdown
from dver.reports.model_card.page import MARK, render_card_page


class CardForm(Enum):
    """The form of a card."""

    MARKDOWN = "md"
    HTML = "html"


_PAGES: Final = frozenset((".html", ".htm"))
_MARKS: Final = {CardForm.MARKDOWN: b"<!-- made by dver model card -->\n", CardForm.HTML: MARK}
"""The beginnings of files, by which dver recognizes its own."""


@dataclass(frozen=True, slots=True, repr=False)
class GatheredCard(Displayed):
    """A card, and the files that could not be read for it."""

    card: ModelCard
    problems: tuple[ReadProblem, ...] = ()


def gather_card(repo: Repository, reference: str) -> GatheredCard:
    """The card of the version that `reference` names: `churn`, `churn@v1.2.0`, `churn#prod`.

    Compares it with the version that was in the stage before, or with the next lower version. Raises UsageError if
    there is no such version, RepositoryError if this clone does not have its commit.
    """
    parsed = ArtifactReference.parse(reference)
    artifact = find_artifact(repo.git, parsed.artifact)
    version = find_version(artifact, parsed)
    facts = read_facts(repo, version)
    before = _facts_before(repo, facts, _version_before(artifact, version, parsed.stage))
    steps = facts.lineage.stages if facts.lineage is not None else ()
    public = secret_filter(repo, variables={name for step in steps for name in step.run.env})
    problems = (*facts.problems, *(before.problems if before is not None else ()))
    return GatheredCard(build_card(artifact, facts, before, public), problems)


def form_of(path: Path) -> CardForm:
    """The form that the suffix of a file names; Markdown by default."""
    return CardForm.HTML if path.suffix.lower() in _PAGES else CardForm.MARKDOWN


def render_card(card: ModelCard, form: CardForm) -> bytes:
    """The card as Markdown, or as a page that stands alone."""
    return render_card_page(card) if form is CardForm.HTML else render_card_markdown(card)


def write_card(card: ModelCard, to: Path, form: CardForm) -> None:
    """Write the card to a file. Raises ConflictError instead of overwriting a file that is not a card."""
    refuse_foreign_page(to, _MARKS[form], "model cards")
    to.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(to, _MARKS[form] + render_card(card, form).removeprefix(_MARKS[form]), durable=False)


def _facts_before(repo: Repository, facts: VersionFacts, before: ArtifactVersion | None) -> VersionFacts | None:
    if before is None:
        return None
    try:
        return read_facts(repo, before)
    except DverError as error:  # such as a commit that a shallow clone does not have
        facts.problems.append(ReadProblem(before.version, before.artifact, error))
        return None


def _version_before(
    artifact: RegisteredArtifact, version: ArtifactVersion, stage: str | None
) -> ArtifactVersion | None:
    """The version that was in `stage` before; without a stage, the next lower version."""
    if stage is not None:
        return earlier_version(artifact, stage)
    known = [one for one in artifact.versions if one.is_active and one.semantic is not None]
    if version not in known:
        return None
    lower = known[known.index(version) + 1 :]
    return lower[0] if lower else None

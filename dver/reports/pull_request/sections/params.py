"""The section of changed parameters."""

from __future__ import annotations

from dver.pipelines.compare.compared_versions import FileMissingError
from dver.pipelines.compare.params_metrics import params_of, read_table
from dver.reports.blocks.model import Code, ReportTable
from dver.reports.blocks.values import value_inline
from dver.reports.pull_request.model import SectionBody
from dver.reports.pull_request.sections.changes import FACTS_MAX, change_facts, changed_values
from dver.reports.pull_request.subject import ReportSubject
from dver.reports.pull_request.unread_files import unread_files
from dver.reports.pull_request.wording import part_of, problem_notes


def params_section(subject: ReportSubject) -> SectionBody:
    """The parameters that differ."""
    table = read_table(subject.repo, params_of, subject.sides, (), subject.repo.root)
    unread = unread_files(subject, table.problems)
    notes = problem_notes(one for one in unread.problems if not isinstance(one.error, FileMissingError))
    changed, total = changed_values(table, unread)
    if not changed:
        return SectionBody(notes=notes)
    rows = tuple(
        ((Code(file),), (Code(one.key),), value_inline(one.old), value_inline(one.new)) for file, one in changed
    )
    header = (("File",), ("Parameter",), (Code(subject.old.name),), (Code(subject.new.name),))
    facts = {"total": total, "changed": len(changed), "changes": [change_facts(*one) for one in changed[:FACTS_MAX]]}
    return SectionBody(
        (f"{part_of(len(changed), total, 'parameter')} changed.",),
        (ReportTable(header, rows, len(rows), frozenset((2, 3)), subject.command("params diff")),),
        notes,
        facts,
    )

"""`dver check data --html` and `--junit`: the results as files."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

from dver.checks.result import CheckedData, RuleOutcome, RuleResult, Severity
from dver.core.errors import ConflictError
from dver.core.files import read_regular, write_atomic
from dver.core.html_page import refuse_foreign_page
from dver.reports.quality.checks_page import CHECKS_MARK, checks_page


def write_checks_page(checked: Sequence[CheckedData], to: Path, *, title: str = "") -> None:
    """Write the page of results. Raises ConflictError instead of overwriting another file."""
    refuse_foreign_page(to, CHECKS_MARK, "results of checks")
    to.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(to, checks_page(checked, title=title), durable=False)


def write_junit(checked: Sequence[CheckedData], to: Path) -> None:
    """Write the results as JUnit XML. Raises ConflictError instead of overwriting a file that is not JUnit XML."""
    if to.exists() and not (to.is_file() and read_regular(to, 4096).lstrip().startswith((b"<?xml", b"<testsuite"))):
        raise ConflictError(
            f"{os.path.normpath(to)!r} already exists and is not JUnit XML",
            why="dver would overwrite it",
            fix="choose another file, or remove it",
        )
    to.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(to, junit_xml(checked), durable=False)


def junit_xml(checked: Sequence[CheckedData]) -> bytes:
    """JUnit XML as Ant writes it (https://github.com/windyroad/JUnit-Schema): a suite for each file and source.

    A failed critical rule is a failure, one that could not be evaluated an error. Warnings are in `system-out`.
    """
    root = ElementTree.Element("testsuites")
    for at, one in enumerate(checked):
        root.append(_suite(at, one))
    ElementTree.indent(root)
    content: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return content + b"\n"


def _suite(at: int, one: CheckedData) -> ElementTree.Element:
    failed = one.critical
    errors = sum(result.outcome is RuleOutcome.ERROR for result in failed)
    found = ElementTree.Element(
        "testsuite",
        name=_clean(one.path) or "data",
        package=_clean(one.suite),
        id=str(at),
        timestamp=time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()),
        hostname=socket.gethostname() or "localhost",
        tests=str(len(one.results)),
        failures=str(len(failed) - errors),
        errors=str(errors),
        time="0",
    )
    ElementTree.SubElement(found, "properties")
    for result in one.results:
        found.append(_case(one, result))
    warnings = [
        f"warning: {_name(result)}: expected {result.expected}, found {result.found}" for result in one.warnings
    ]
    ElementTree.SubElement(found, "system-out").text = _clean("\n".join(warnings))
    ElementTree.SubElement(found, "system-err").text = ""
    return found


def _case(one: CheckedData, result: RuleResult) -> ElementTree.Element:
    case = ElementTree.Element("testcase", name=_clean(_name(result)), classname=_clean(one.path), time="0")
    if not result.ok and result.severity is Severity.CRITICAL:
        kind = "error" if result.outcome is RuleOutcome.ERROR else "failure"
        text = _problem(result)
        problem = ElementTree.SubElement(case, kind, type=_clean(result.rule), message=_clean(text))
        rows = ("  ".join(f"{name}={value}" for name, value in row) for row in result.rows)
        problem.text = _clean("\n".join((text, *rows)))
    return case


def _problem(result: RuleResult) -> str:
    return f"expected {result.expected}, found {result.found}"


def _name(result: RuleResult) -> str:
    return f"{result.column} {result.rule}" if result.column is not None else result.rule


def _clean(text: str) -> str:
    """`text` without the characters that XML cannot have."""
    return "".join(
        one if one in "\t\n" or " " <= one <= "\ud7ff" or "\ue000" <= one <= "\ufffd" or one > "\uffff" else "\ufffd"
        for one in text
    )

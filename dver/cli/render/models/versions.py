"""Versions of a model as text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from dver.cli.render.models.text import SHORT, day_text, minute_text, version_text
from dver.cli.render.terminal import Style, columns, one_line, printable
from dver.core.phrasing import human_size
from dver.gates.recorded_checks import checks_passed, summary_text

if TYPE_CHECKING:
    from dver.models.version_description import VersionDescription
    from dver.ops.model.show import ModelDescription, ShownVersion


def versions_lines(versions: Sequence[ShownVersion], style: Style) -> list[str]:
    """The versions of a model in columns."""
    rows = [
        [
            style.bold(version_text(one.version)),
            day_text(one.time) if one.time is not None else "-",
            one.commit[:SHORT],
            printable(one.author) if one.author else "-",
            style.green(", ".join(one.stages)) if one.stages else "",
        ]
        for one in versions
    ]
    return list(columns(rows, indent=2))


def version_rows(model: ModelDescription, version: VersionDescription, style: Style) -> Iterator[list[str]]:
    """What one version has, each with its name."""
    name = f"{model.name}@{version.version}" if version.tag is not None else f"{model.name} at commit {version.commit}"
    yield ["version", style.bold(name) + (f"  {style.yellow('deprecated')}" if model.deprecated else "")]
    yield ["commit", version.commit]
    if version.time is not None:
        yield ["registered", f"{minute_text(version.time)} by {printable(version.author)}"]
    optional = {
        "message": version.message.partition("\n")[0],
        "stages": ", ".join(version.stages),
        "type": version.type,
        "about": version.desc,
        "labels": ", ".join(version.labels),
    }
    yield from ([name, one_line(value)] for name, value in optional.items() if value)
    if version.path is not None:
        yield ["path", printable(version.path)]
    if version.content is not None:
        size = f"  ({human_size(version.size)})" if version.size is not None else ""
        yield ["content", f"{version.content}{size}"]
    yield ["data", version.data.value]
    for key, value in sorted(version.metrics.items()):
        yield ["metric", f"{printable(key)} = {value:.5g}"]
    if version.experiment:
        yield ["experiment", printable(version.experiment)]
    if checks := summary_text(version.checks):
        yield ["checks", printable(checks) if checks_passed(version.checks) else style.red(printable(checks))]
    if version.lineage:
        yield ["lineage", printable(version.lineage)]

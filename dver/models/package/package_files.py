"""The format of dver: a model, its loader, its environment, lineage and digests (docs/format/package.md)."""

from __future__ import annotations

import json
import os
import posixpath
from typing import Any, Final

from dver.core.progress import Task
from dver.models.package.environment import CONSTRAINTS, REQUIREMENTS, constraints_text, requirements_text
from dver.models.package.lineage_json import iso_time, lineage_json
from dver.models.package.loaders import loader_module
from dver.models.package.model_files import write_model
from dver.models.package.packaged_model import PackagedModel
from dver.models.package.readme import readme_text
from dver.models.package.sinks import PackageWriter

VERSION: Final = 1
MANIFEST: Final = "manifest.json"
CODE: Final = "code"
SUMS: Final = "SHA256SUMS"


def write_package(writer: PackageWriter, packed: PackagedModel, task: Task) -> None:
    """Write the package. Raises the errors of reading the model."""
    path = model_path(packed)
    write_model(writer, packed.version.model, path, task)
    write_sources(writer, packed)
    if packed.loader is not None:
        writer.file("load_model.py", loader_module(packed.loader, path=path).encode())
    write_environment(writer, packed)
    if packed.environment.python is not None:
        writer.file(".python-version", f"{packed.environment.python}\n".encode())
    if packed.signature is not None:
        writer.file("signature.json", json_bytes(packed.signature))
    writer.file("README.md", readme_text(packed, path).encode(errors="replace"))
    writer.file(MANIFEST, json_bytes(_manifest(writer, packed, path)))
    writer.file(SUMS, digests_text(writer))


def model_path(packed: PackagedModel) -> str:
    """The path of the model in the package."""
    return posixpath.join("model", packed.version.base_name)


def write_sources(writer: PackageWriter, packed: PackagedModel) -> None:
    """Write the repository's own modules that the model needs."""
    for name, content in sorted(packed.sources):
        writer.file(posixpath.join(CODE, name), content)


def write_environment(writer: PackageWriter, packed: PackagedModel, extra: tuple[str, ...] = ()) -> None:
    """Write the requirements, their constraints and the lineage. `extra` packages are needed, too."""
    writer.file(REQUIREMENTS, requirements_text(packed.environment, extra).encode())
    if packed.environment.packages:
        writer.file(CONSTRAINTS, constraints_text(packed.environment).encode())
    lineage = lineage_json(packed.lineage, packed.version.path, packed.secrets)
    writer.file("lineage.json", json_bytes(lineage))


def json_bytes(value: Any) -> bytes:
    """JSON for people and programs, the same bytes each time."""
    return (json.dumps(value, indent=1, sort_keys=True, default=str) + "\n").encode()


def describe_version(packed: PackagedModel) -> dict[str, Any]:
    """What identifies the version, without secrets."""
    version, definition = packed.version, packed.version.definition
    content = version.info.oid or version.details.content
    return {
        "name": version.name,
        "version": version.version,
        "commit": version.commit,
        "registered": iso_time(version.time) if version.time else None,
        "path": version.path,
        "content": str(content) if content else None,
        "lineage": version.details.lineage,
        "type": (definition.type if definition else None) or version.details.type,
        "description": packed.secrets.text(definition.desc) if definition and definition.desc else None,
        "labels": [packed.secrets.text(one) for one in definition.labels] if definition else [],
        "metrics": packed.secrets.value(dict(version.details.metrics)),
        "checks": packed.secrets.value(dict(version.details.checks)),
    }


def _manifest(writer: PackageWriter, packed: PackagedModel, path: str) -> dict[str, Any]:
    environment = packed.environment
    return {
        **describe_version(packed),
        "format": VERSION,
        "meta": packed.public_meta,
        "model": path,
        "loader": packed.loader.name if packed.loader else None,
        "python": environment.python,
        "environment_unknown": environment.missing,
        "signature": packed.signature is not None,
        "files": {one.name: {"size": one.size, "sha256": one.sha256} for one in writer.files.values()},
        "links": {name: os.fsdecode(target) for name, target in writer.links.items()},
    }


def digests_text(writer: PackageWriter) -> bytes:
    """The digests of all files but SHA256SUMS, as `sha256sum` writes them: a backslash marks names with line breaks."""
    lines: list[bytes] = []
    for one in sorted(writer.files.values(), key=lambda one: os.fsencode(one.name)):
        name = os.fsencode(one.name)
        shown = name.replace(b"\\", b"\\\\").replace(b"\n", b"\\n").replace(b"\r", b"\\r")
        if one.name != SUMS:
            lines.append((b"\\" if shown != name else b"") + one.sha256.encode() + b"  " + shown + b"\n")
    return b"".join(lines)

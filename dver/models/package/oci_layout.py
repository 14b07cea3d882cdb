"""Packages as images: an OCI image layout with one layer, the same bytes each time, made without Docker.

The layer is an uncompressed tar file, because weights hardly shrink and compressors differ in their output. The image
is for amd64 and arm64: both have the same layer.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Final

from dver.core.progress import Task
from dver.models.package.lineage_json import iso_time
from dver.models.package.package_files import write_package
from dver.models.package.packaged_model import PackagedModel
from dver.models.package.sinks import HashingFile, PackageWriter, TarSink

_TOP: Final = "models"
"""The directory in the image. Servers that mount images, such as KServe, look there."""
_ARCHITECTURES: Final = ("amd64", "arm64")
_INDEX: Final = "application/vnd.oci.image.index.v1+json"
_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
_CONFIG: Final = "application/vnd.oci.image.config.v1+json"
_LAYER: Final = "application/vnd.oci.image.layer.v1.tar"
_BLOBS: Final = "blobs/sha256"

Descriptor = dict[str, Any]


def write_layout(writer: PackageWriter, packed: PackagedModel, scratch: Path, task: Task) -> str:
    """Write the image and return the digest of its index. The layer is first written to `scratch`.

    Raises the errors of reading the model.
    """
    layer_file = scratch / "layer"
    layer = _write_layer(layer_file, packed, task)
    writer.file("oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
    sha256 = str(layer["digest"]).partition(":")[2]
    writer.move(f"{_BLOBS}/{sha256}", layer_file, sha256)
    manifests = [_add_image(writer, layer, packed, architecture) for architecture in _ARCHITECTURES]
    index = _add_json(writer, _INDEX, {"mediaType": _INDEX, "manifests": manifests, "annotations": _labels(packed)})
    named = {**index, "annotations": {"org.opencontainers.image.ref.name": packed.version.version}}
    writer.file("index.json", _json({"schemaVersion": 2, "mediaType": _INDEX, "manifests": [named]}))
    return str(index["digest"])


def _write_layer(path: Path, packed: PackagedModel, task: Task) -> Descriptor:
    with open(path, "xb") as file:
        hashed = HashingFile(file)
        tar = TarSink(hashed, packed.version.time, below=_TOP)
        tar.directory("")
        write_package(PackageWriter(tar), packed, task)
        tar.close()
    return {"mediaType": _LAYER, "digest": f"sha256:{hashed.sha256}", "size": path.stat().st_size}


def _add_image(writer: PackageWriter, layer: Descriptor, packed: PackagedModel, architecture: str) -> Descriptor:
    platform = {"architecture": architecture, "os": "linux"}
    config = _add_json(
        writer,
        _CONFIG,
        {
            **platform,
            **({"created": iso_time(packed.version.time)} if packed.version.time else {}),
            "config": {"Labels": _labels(packed), "WorkingDir": f"/{_TOP}"},
            "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]},
            "history": [{"created_by": "dver model export"}],
        },
    )
    manifest = {"mediaType": _MANIFEST, "config": config, "layers": [layer], "annotations": _labels(packed)}
    return {**_add_json(writer, _MANIFEST, manifest), "platform": platform}


def _labels(packed: PackagedModel) -> dict[str, str]:
    """The annotations that registries show."""
    version = packed.version
    found = {
        "org.opencontainers.image.title": version.name,
        "org.opencontainers.image.version": version.version,
        "org.opencontainers.image.revision": version.commit,
    }
    if version.definition is not None and version.definition.desc:
        found["org.opencontainers.image.description"] = packed.secrets.text(version.definition.desc)
    if version.time:
        found["org.opencontainers.image.created"] = iso_time(version.time)
    return found


def _add_json(writer: PackageWriter, kind: str, value: dict[str, Any]) -> Descriptor:
    content = _json({"schemaVersion": 2, **value} if kind != _CONFIG else value)
    digest = hashlib.sha256(content).hexdigest()
    name = f"{_BLOBS}/{digest}"
    if name not in writer.files:
        writer.file(name, content)
    return {"mediaType": kind, "digest": f"sha256:{digest}", "size": len(content)}


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()

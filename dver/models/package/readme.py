"""The README of a package: how to load the model. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Final

from dver.core.phrasing import count
from dver.gates.recorded_checks import summary_text
from dver.models.package.packaged_model import PackagedModel

_MARKUP: Final = re.compile(r"([\\`*_{}\[\]<>#|!&~])")


def readme_text(packed: PackagedModel, path: str, *, of_mlflow: bool = False) -> str:
    """The README of a package whose model is at `path`."""
    version = packed.version
    lines = [f"# {plain(version.name)} {plain(version.version)}", ""]
    if version.definition is not None and version.definition.desc:
        lines += [plain(packed.secrets.text(version.definition.desc)), ""]
    lines += ["This package has the model and what loading it needs. It needs neither dver nor Git.", ""]
    lines += _loading_with_mlflow(packed) if of_mlflow else _loading(packed, path)
    if not of_mlflow:
        lines += ["## Check the files", "", "    sha256sum --check --quiet SHA256SUMS", ""]
    lines += ["## Environment", "", *_environment(packed), ""]
    lines += ["## Signature", "", *signature_lines(packed), ""]
    lines += ["## Origin", "", *origin_lines(packed)]
    return "".join(f"{line}\n" for line in lines)


def plain(text: str) -> str:
    """`text` as one line of Markdown without markup."""
    return _MARKUP.sub(r"\\\1", " ".join(text.split()))


def code(text: str) -> str:
    """`text` as code in Markdown."""
    return "`" + " ".join(text.replace("`", "'").split()) + "`"


def _loading(packed: PackagedModel, path: str) -> Iterator[str]:
    yield from _installing(packed)
    if packed.loader is None:
        yield from (f"dver does not know this format. The model is {code(path)}.", "")
        return
    yield from ("```python", "from load_model import load", "", "model = load()", "```", "")
    yield "Run Python in this directory, or add this directory to `PYTHONPATH`."
    if packed.sources:
        yield "The model's own classes are in `code`, which `load` adds to the search path of modules."
    if not packed.loader.predicts:
        yield "The file has weights. The class of the model is in the sources of its commit."
    yield from _warnings(packed)


def _loading_with_mlflow(packed: PackagedModel) -> Iterator[str]:
    yield from _installing(packed)
    yield from ("```python", "import mlflow", "", 'model = mlflow.pyfunc.load_model("DIRECTORY")')
    yield from ("print(model.predict(data))", "```", "")
    yield "`DIRECTORY` is the path of this directory."
    yield from _warnings(packed)


def _installing(packed: PackagedModel) -> Iterator[str]:
    yield from ("## Load the model", "")
    if packed.environment.missing is not None:
        return
    release = ".".join((packed.environment.python or "3").split(".")[:2])
    yield f"    python{release} -m venv venv"
    yield "    venv/bin/pip install -r requirements.txt"
    yield from ("    venv/bin/python", "")


def _warnings(packed: PackagedModel) -> Iterator[str]:
    if packed.needs_main:
        yield "The model names classes of the script that made it. Define them in `__main__` before you load it."
    if packed.loader is not None and packed.loader.executes:
        yield "Loading this format executes code of the file. Load packages of people you trust only."
    yield ""


def _environment(packed: PackagedModel) -> Iterator[str]:
    environment = packed.environment
    if environment.missing is not None:
        yield f"Unknown: {plain(environment.missing)}."
        yield "`requirements.txt` is empty, because dver does not guess versions."
        if environment.modules:
            yield f"The model or its sources import {', '.join(f'`{one}`' for one in environment.modules)}."
        return
    yield f"- Python {environment.python or 'of an unknown version'}"
    if environment.platform:
        yield f"- {plain(environment.platform)}"
    needed, installed = len(environment.requirements), len(environment.packages)
    yield f"- `requirements.txt`: {count(needed, 'package')} that the model or its sources import"
    yield f"- `constraints.txt`: the versions of all {count(installed, 'package')} of the run"
    if environment.unknown_modules:
        yield (
            f"- imported, but no package of the run has the name: "
            f"{', '.join(f'`{one}`' for one in environment.unknown_modules)}"
        )


def signature_lines(packed: PackagedModel) -> Iterator[str]:
    """The inputs and outputs, or that they are unknown."""
    if packed.signature is None:
        yield "Unknown: the artifact has no `signature` in its `meta`, and the model has no file MLmodel with one."
        return
    yield from ("```json", json.dumps(packed.signature, indent=1), "```")


def origin_lines(packed: PackagedModel) -> Iterator[str]:
    """Where the model comes from."""
    version, stages = packed.version, packed.lineage.stages if packed.lineage else ()
    yield f"- {code(version.path)} of commit `{version.commit}`"
    if version.info.oid or version.details.content:
        yield f"- content `{version.info.oid or version.details.content}`"
    for key, value in sorted(version.details.metrics.items()):
        yield f"- {plain(packed.secrets.text(key))}: {value:g}"
    if checks := summary_text(version.details.checks):
        yield f"- checks of its data: {plain(packed.secrets.text(checks))}"
    if stages:
        names = ", ".join(code(str(step.address)) for step in stages)
        yield f"- made by {names}; inputs, parameters and times are in `lineage.json`"
    else:
        yield "- no stage made it; it was added as data"

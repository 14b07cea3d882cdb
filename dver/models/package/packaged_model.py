"""What a package has: a version of a model, its environment, lineage and signature."""

from __future__ import annotations

import io
import posixpath
import shlex
import sys
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from dver.access.errors import NotADirectory, NotAFile, PathNotFound
from dver.access.files import FileInfo, Files
from dver.core.display import Displayed
from dver.core.public_text import SecretFilter
from dver.formats.lock import LockedStage
from dver.formats.registry_tag import TagDetails
from dver.models.package.environment import PackageEnvironment, find_environment
from dver.models.package.loaders import MLMODEL, ModelLoader, find_loader, loader_named
from dver.models.package.pickled_modules import PickledModules, pickled_modules
from dver.models.package.provenance import Provenance
from dver.models.package.signature import Signature, signature_of_meta, signature_of_mlmodel
from dver.models.package.source_imports import ReadSource, SourceImports, source_imports
from dver.pipelines.definition.artifact import ArtifactDefinition
from dver.pipelines.lineage import Lineage

_PICKLES: Final = frozenset(("pickle", "joblib"))
_SOURCE_MAX: Final = 4 << 20


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """The version of an artifact to pack."""

    name: str
    version: str
    commit: str
    time: int
    """Of its registration, in Unix seconds; 0 for a commit without a version."""
    path: str
    """From the top of the Git worktree."""
    model: Files
    """With the model at the path ""."""
    definition: ArtifactDefinition | None
    details: TagDetails

    @property
    def info(self) -> FileInfo:
        """The file or directory of the model."""
        return self.model.info("")

    @property
    def base_name(self) -> str:
        """The last part of its path."""
        return posixpath.basename(self.path)


@dataclass(frozen=True, slots=True, repr=False)
class PackagedModel(Displayed):
    """A version with what its package says about it."""

    version: ModelVersion
    lineage: Lineage | None
    environment: PackageEnvironment
    loader: ModelLoader | None
    signature: Signature | None
    sources: tuple[tuple[str, bytes], ...]
    """The repository's own modules that the model's classes are in, by their path for Python."""
    needs_main: bool
    """Does the model need a class of the script that made it? Then nothing else can load it."""
    secrets: SecretFilter

    @property
    def suspect_sources(self) -> tuple[str, ...]:
        """The modules of the repository whose text may have a secret or an absolute path. They are not changed."""
        texts = ((name, content.decode(errors="replace")) for name, content in self.sources)
        return tuple(name for name, text in texts if self.secrets.text(text) != text)

    @property
    def public_meta(self) -> Any:
        """The `meta` of the artifact, without secrets."""
        return self.secrets.value(self.version.definition.meta) if self.version.definition else None


def package_model(version: ModelVersion, provenance: Provenance, read_source: ReadSource) -> PackagedModel:
    """Find out what `version` needs. `read_source` reads Git's files of its commit.

    Raises UsageError for a wrong `meta` of the artifact, and the errors of reading.
    """
    lineage = provenance.lineage
    meta = version.definition.meta if version.definition else None
    sources = _sources_of(lineage, read_source)
    imports = source_imports(sources, read_source, _roots(lineage))
    chosen = meta.get("loader") if isinstance(meta, dict) else None
    entries = None if version.info.kind == "file" else [one.name for one in version.model.ls("")]
    loader = loader_named(str(chosen)) if chosen else find_loader(version.path, entries, imports.modules)
    pickled = PickledModules()
    if loader is not None and loader.name in _PICKLES:
        own = {_dotted(file): (root, file) for root, file in imports.own}
        pickled = _pickled(version.model, [*own, "__main__"])
        if chosen is None and (pickled.is_joblib or (not pickled.is_pickle and "joblib" in imports.modules)):
            loader = loader_named("joblib")
    named = [(root, file) for root, file in imports.own if _dotted(file) in pickled.names]
    return PackagedModel(
        version,
        lineage,
        _environment(provenance, imports, pickled, loader),
        loader,
        signature_of_meta(meta) or _signature_of_files(version.model, entries),
        tuple(_with_imports(named, read_source).items()),
        "__main__" in pickled.names,
        provenance.secrets,
    )


def _environment(
    provenance: Provenance, imports: SourceImports, pickled: PickledModules, loader: ModelLoader | None
) -> PackageEnvironment:
    own = {_dotted(file).partition(".")[0] for _, file in imports.own} | {"__main__"}
    tops = {name.partition(".")[0] for name in pickled.names} - own
    return find_environment(
        provenance.lineage.stages[0].record if provenance.lineage else None,
        imports.modules | {one for one in tops if not _is_standard(one)},
        missing=provenance.missing or "",
        needs=() if loader is None or _is_standard(loader.module) else (loader.module,),
    )


def stage_environment(lineage: Lineage, read_source: ReadSource) -> PackageEnvironment:
    """The environment of the stage that made a model, with the packages that its sources import."""
    imports = source_imports(_sources_of(lineage, read_source), read_source, _roots(lineage))
    return find_environment(lineage.stages[0].record, imports.modules)


def _is_standard(module: str) -> bool:
    return module in sys.stdlib_module_names


def _dotted(file: str) -> str:
    return file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _pickled(model: Files, candidates: Sequence[str]) -> PickledModules:
    with suppress(NotAFile), closing(io.BufferedReader(model.open(""))) as file:
        return pickled_modules(file, candidates)
    return PickledModules()


def _with_imports(named: Sequence[tuple[str, str]], read: ReadSource) -> dict[str, bytes]:
    """The own modules `named`, and those that they import, by their path for Python."""
    found: dict[str, bytes] = {}
    waiting = list(named)
    while waiting:
        root, file = waiting.pop()
        content = read(posixpath.join(root, file))
        if file in found or content is None:
            continue
        found[file] = content
        parents = posixpath.dirname(file).split("/")
        above = ["/".join([*parents[:end], "__init__.py"]) for end in range(1, len(parents) + 1) if parents[0]]
        waiting += [(root, one) for one in above]
        waiting += source_imports([posixpath.join(root, file)], read, (root,)).own
    return found


def _signature_of_files(model: Files, entries: Sequence[str] | None) -> Signature | None:
    return signature_of_mlmodel(model.read(MLMODEL)) if entries is not None and MLMODEL in entries else None


# -- the sources of the stage


def _sources_of(lineage: Lineage | None, read: ReadSource) -> list[str]:
    """The Python files that the stage of the model depends on or runs."""
    if lineage is None:
        return []
    step = lineage.stages[0]
    folder = step.address.folder
    found = [one.place for one in step.sources if one.place.endswith(".py")]
    found += [
        path
        for path in _words_of(step.run, posixpath.join(folder, step.run.wdir))
        if path.endswith(".py") and read(path) is not None
    ]
    return list(dict.fromkeys(found))


def _words_of(run: LockedStage, folder: str) -> list[str]:
    commands = (run.cmd,) if isinstance(run.cmd, str) else run.cmd
    words: list[str] = []
    for command in commands:
        with suppress(ValueError):  # quotes that do not match
            words += shlex.split(command, comments=True)
    modules = [f"{after.replace('.', '/')}.py" for word, after in pairwise(words) if word == "-m"]
    return [posixpath.normpath(posixpath.join(folder, one)) for one in (*words, *modules) if not one.startswith("/")]


def _roots(lineage: Lineage | None) -> list[str]:
    """The directories that Python may find the repository's own modules in."""
    if lineage is None:
        return [""]
    step = lineage.stages[0]
    working = posixpath.normpath(posixpath.join(step.address.folder, step.run.wdir))
    roots = ["" if working == "." else working, step.address.folder, ""]
    return list(dict.fromkeys([*roots, *(posixpath.join(one, "src") for one in roots)]))


def source_reader(files: Files, base: str = "") -> ReadSource:
    """Reads files of Git from `files`; None for what is not there, is large, or is tracked data.

    `base` is the directory that the paths of `files` start from.
    """
    known: dict[str, bytes | None] = {}

    def read(path: str) -> bytes | None:
        path = posixpath.normpath(path)
        if path not in known:
            is_inside = path != ".." and not path.startswith("../")
            known[path] = _read_source(files, posixpath.relpath(path, base or ".")) if is_inside else None
        return known[path]

    return read


def _read_source(files: Files, path: str) -> bytes | None:
    with suppress(PathNotFound, NotADirectory):
        info = files.info(path)
        if info.kind == "file" and not info.tracked and (info.size or 0) <= _SOURCE_MAX:
            return files.read(path)
    return None

"""The stages of a project: all `dver.yaml` files, and the graph of their stages."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Final

from dver.core.errors import DverError, PipelineError, UsageError
from dver.core.files import read_regular
from dver.core.phrasing import count, join_limited, quoted
from dver.git.index import files_named, tracked_under
from dver.pipelines import FILE_NAME
from dver.pipelines.definition.interpolate import OptionStyle
from dver.pipelines.definition.load import load_pipeline_file
from dver.pipelines.definition.stage import Output, PipelineFile
from dver.pipelines.definition.yaml_tree import MAX_SIZE, error_at
from dver.pipelines.engine.graph import Address, Graph, build_graph, without_outside_paths, worktree_path
from dver.repo import PROJECT_DIR, Repository
from dver.repo.layout import Layout
from dver.tracking.targets import SUFFIX, is_at_or_below, resolve_data_path

_NAME: Final = os.fsencode(FILE_NAME)
_NAME_OF_DVC: Final = b"dvc.yaml"
_PROJECT: Final = os.fsencode(PROJECT_DIR)
_MOST_RENAMES: Final = 3
"""The most commands in one error."""


@dataclass(frozen=True, slots=True)
class Pipelines:
    """All stages of a project."""

    files: Mapping[str, PipelineFile]
    """By directory, relative to the top of the Git worktree."""
    graph: Graph
    left_over: PipelineError | None = None
    """The error for `dvc.yaml` files beside renamed ones."""


def load_pipelines(repo: Repository, *, instead: Mapping[str, bytes] | None = None) -> Pipelines:
    """Read every `dver.yaml` of the project that Git does not ignore. Raises PipelineError, also if there are only
    `dvc.yaml` files.

    `instead` has planned contents, by directory, that replace those on disk.
    """
    planned = instead or {}
    folders, of_dvc = _folders(repo)
    files = {folder: _load(repo, folder, planned.get(folder)) for folder in sorted({*folders, *planned})}
    left_over = _not_renamed_error(repo, of_dvc, renamed=bool(files)) if of_dvc else None
    if left_over is not None and not files:
        raise left_over
    top = os.fsdecode(repo.layout.top)
    stages = {
        (address := Address(folder, name, repo.layout.subdirectory)): without_outside_paths(address, one, top)
        for folder, file in files.items()
        for name, one in file.stages.items()
    }
    return Pipelines(files, build_graph(stages), left_over)


def pipelines_of_workspace(repo: Repository) -> dict[str, PipelineFile | DverError]:
    """The contents of each `dver.yaml` by its directory, or the error that reading it raises."""
    folders, of_dvc = _folders(repo)
    if of_dvc and not folders:
        return {os.fsdecode(os.path.dirname(of_dvc[0])): _not_renamed_error(repo, of_dvc, renamed=False)}
    return {folder: _or_error(partial(_load, repo, folder)) for folder in folders}


def pipelines_of_commit(
    repo: Repository, paths: Iterable[bytes], read: Callable[[bytes], bytes | None], is_folder: Callable[[bytes], bool]
) -> dict[str, PipelineFile | DverError]:
    """The same for the `dver.yaml` files at `paths` of a commit; `read` returns the content of its files."""

    def read_below(folder: bytes, path: str) -> bytes | None:
        return read(os.path.normpath(os.path.join(folder, os.fsencode(path))))

    def load_one(path: bytes) -> PipelineFile:
        folder = os.path.dirname(path)
        name = repo.layout.shown(path)
        return load_pipeline_file(read(path) or b"", partial(read_below, folder), name=name, style=_style(repo))

    found: dict[str, PipelineFile | DverError] = {}
    for path in paths:
        folder = os.path.dirname(path)
        if not _is_of_another_project(repo.layout, folder, lambda one: is_folder(os.path.join(one, _PROJECT))):
            found[os.fsdecode(folder)] = _or_error(partial(load_one, path))
    return found


def _or_error(read: Callable[[], PipelineFile]) -> PipelineFile | DverError:
    try:
        return read()
    except DverError as error:
        return error


def select_stages(repo: Repository, pipelines: Pipelines, targets: Sequence[str], cwd: Path) -> list[Address]:
    """The stages that `targets` name, in order and without repetitions; all stages without targets.

    A target is the name of a stage, of a foreach or matrix (before the `@`), `DIRECTORY/dver.yaml:NAME`, a `dver.yaml`,
    a directory that contains some, or an output. Raises UsageError for anything else.
    """
    graph = pipelines.graph
    if not targets:
        return list(graph.order)
    chosen = {address for text in targets for address in _meant(repo, graph, text, cwd)}
    return [address for address in graph.order if address in chosen]


def select_stage(repo: Repository, pipelines: Pipelines, target: str, cwd: Path) -> Address:
    """The only stage that `target` names. Raises UsageError for several, and what `select_stages` does."""
    found = select_stages(repo, pipelines, [target], cwd)
    if len(found) != 1:
        names = join_limited([str(one) for one in found])
        raise UsageError(f"{target!r} names {count(len(found), 'stage')}", why=names, fix="name one of them")
    return found[0]


def named_stages(repo: Repository, pipelines: Pipelines, names: Sequence[str], cwd: Path) -> list[Address]:
    """The stages called `names`, in order and without repetitions. Raises UsageError for an unknown name."""
    graph = pipelines.graph
    chosen = {address for text in names for address in _named(repo, graph, text, cwd) or _unknown(graph, text)}
    return [address for address in graph.order if address in chosen]


def refuse_tracked(repo: Repository, graph: Graph, stages: Iterable[Address]) -> None:
    """Raise PipelineError for an output of `stages` that a pointer or Git tracks, too."""
    chosen = list(stages)
    _refuse_in_git(repo, graph, chosen)
    free: set[bytes] = set()
    for address in chosen:
        for out in graph.stages[address].outs:
            place = os.fsencode(worktree_path(address.folder, out.path, out.mark))
            while place and place not in free:
                if os.path.isfile(repo.layout.absolute(place + SUFFIX)):
                    raise _tracked(repo, address, out, repo.layout.shown(place))
                free.add(place)
                place = os.path.dirname(place)


def _refuse_in_git(repo: Repository, graph: Graph, stages: Iterable[Address]) -> None:
    cached = {
        os.fsencode(worktree_path(address.folder, out.path, out.mark)): (address, out)
        for address in stages
        for out in graph.stages[address].outs
        if out.cache
    }
    for file in tracked_under(repo.git, *cached) if cached else ():
        place = next(one for one in cached if is_at_or_below(file, one))
        address, out = cached[place]
        shown = quoted(repo.layout.shown(place))
        raise error_at(
            out.mark,
            f"stage {str(address)!r} has the output {out.path!r}, but Git tracks {repo.layout.shown(file)}",
            fix=f"git rm -r -q --cached -- {shown}; or leave the output to Git with `cache: false`",
        )


def _tracked(repo: Repository, address: Address, out: Output, shown: str) -> PipelineError:
    return error_at(
        out.mark,
        f"stage {str(address)!r} has the output {out.path!r}, but the pointer {shown + '.dver'!r} tracks it",
        fix=f"`dver remove {quoted(shown)}` stops tracking it; or remove the output from the stage",
    )


def _folders(repo: Repository) -> tuple[list[str], list[bytes]]:
    """The directories with a `dver.yaml`, and the `dvc.yaml` files without one beside them."""

    def is_project(folder: bytes) -> bool:
        return os.path.isdir(os.path.join(repo.layout.absolute(folder), _PROJECT))

    found: dict[bytes, list[bytes]] = {_NAME: [], _NAME_OF_DVC: []}
    for path in files_named(repo.git, _NAME, _NAME_OF_DVC, under=repo.layout.prefix):
        folder, name = os.path.split(path)
        if os.path.isfile(repo.layout.absolute(path)) and not _is_of_another_project(repo.layout, folder, is_project):
            found[name].append(folder)
    of_dvc = [os.path.join(folder, _NAME_OF_DVC) for folder in found[_NAME_OF_DVC] if folder not in found[_NAME]]
    return [os.fsdecode(folder) for folder in found[_NAME]], of_dvc


def _not_renamed_error(repo: Repository, paths: Sequence[bytes], *, renamed: bool) -> PipelineError:
    """The error for `dvc.yaml` files: alone, or beside others that were `renamed`."""
    names = join_limited([repr(repo.layout.shown(path)) for path in paths])
    tracked = tracked_under(repo.git, *paths)
    commands = [_rename_command(repo.layout, path, path in tracked) for path in paths[:_MOST_RENAMES]]
    left = len(paths) - len(commands)
    return PipelineError(
        f"not read: {names}" if renamed else f"no {FILE_NAME} found, but {names}",
        why=f"dver reads {FILE_NAME}, which has the same format",
        fix=" && ".join(commands) + (f"; and {left:,} more in the same way" if left else ""),
    )


def _rename_command(layout: Layout, path: bytes, is_tracked: bool) -> str:
    new = os.path.join(os.path.dirname(path), _NAME)
    return f"{'git mv' if is_tracked else 'mv'} {quoted(layout.shown(path))} {quoted(layout.shown(new))}"


def _is_of_another_project(layout: Layout, folder: bytes, is_project: Callable[[bytes], bool]) -> bool:
    while folder != layout.prefix and is_at_or_below(folder, layout.prefix):
        if is_project(folder):
            return True
        folder = os.path.dirname(folder)
    return False


def _load(repo: Repository, folder: str, content: bytes | None = None) -> PipelineFile:
    above = repo.layout.absolute(os.fsencode(folder)) if folder else repo.layout.top
    name = repo.layout.shown(os.fsencode(os.path.join(folder, FILE_NAME)))
    content = _read(above, _NAME) if content is None else content
    if content is None:
        raise PipelineError(f"{name} cannot be read", why="it is no longer a file", fix="try again")
    return load_pipeline_file(content, lambda path: _read(above, os.fsencode(path)), name=name, style=_style(repo))


def _style(repo: Repository) -> OptionStyle:
    return OptionStyle(
        repo.config.get("parsing.bool") == "boolean_optional", repo.config.get("parsing.list") == "append"
    )


def _read(folder: bytes, path: bytes) -> bytes | None:
    with suppress(FileNotFoundError, IsADirectoryError, NotADirectoryError):
        return read_regular(os.path.join(folder, path), MAX_SIZE + 1)
    return None


def _meant(repo: Repository, graph: Graph, text: str, cwd: Path) -> list[Address]:
    named = _named(repo, graph, text, cwd)
    if named or text.rpartition(":")[0]:
        return named or _unknown(graph, text)
    place = os.fsdecode(resolve_data_path(repo, text, cwd))
    if os.path.basename(place) == FILE_NAME:
        below = os.path.dirname(place)
        return [one for one in graph.order if one.folder == below] or _unknown(graph, text)
    made = [one for out, one in graph.producers.items() if out == place or place.startswith(out + "/")]
    inside = [one for one in graph.order if os.path.isdir(os.path.join(cwd, text)) and _is_in(one.folder, place)]
    return made or inside or _unknown(graph, text)


def _named(repo: Repository, graph: Graph, text: str, cwd: Path) -> list[Address]:
    path, _, name = text.rpartition(":")
    folder = os.path.dirname(os.fsdecode(resolve_data_path(repo, path or FILE_NAME, cwd)))
    same_file = [one for one in graph.order if one.folder == folder]
    return [one for one in same_file if (name or text) in (graph.stages[one].name, graph.stages[one].group)]


def _is_in(folder: str, place: str) -> bool:
    return not place or folder == place or folder.startswith(place + "/")


def _unknown(graph: Graph, text: str) -> list[Address]:
    known = [str(one) for one in graph.order]
    near = get_close_matches(text, known, 1)
    raise UsageError(
        f"no stage or output named {text!r}",
        fix=f"did you mean {near[0]!r}?" if near else "`dver stage list` lists all stages",
    )

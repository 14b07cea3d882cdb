"""Public projects that use DVC: what it loads, dver loads, and finds the same stages in.

The projects are no part of this repository. They are read where they are: in the directory that `DVER_TEST_CORPUS`
names, or `shared/corpus` beside the checkout or above it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from functools import cache, partial
from pathlib import Path

import pytest

from dver.core.errors import PipelineError
from dver.models.artifact import artifact_in
from dver.pipelines.definition.edit import add_stage, remove_stage
from dver.pipelines.definition.load import load_pipeline_file
from dver.pipelines.definition.param_files import is_selected, parse_values, select_keys
from dver.pipelines.engine.graph import Address, Graph, build_graph, without_outside_paths, worktree_path

ROOT = Path(__file__).resolve().parents[2]


def corpus() -> Path | None:
    """The directory of the projects, if it is at hand."""
    named = os.environ.get("DVER_TEST_CORPUS")
    candidates = [Path(named)] if named else [one / "shared/corpus" for one in ROOT.parents]
    return next((one / "dvc-projects" for one in candidates if (one / "dvc-projects").is_dir()), None)


pytestmark = pytest.mark.skipif(corpus() is None, reason="the corpus of DVC projects is not at hand")


def projects() -> Iterator[Path]:
    found = corpus()
    assert found is not None
    yield from sorted(one for one in found.iterdir() if one.is_dir())


def read_beside(file: Path, path: str) -> bytes | None:
    """The content of the file at `path` from the directory of a `dvc.yaml`."""
    found = file.parent / path
    return found.read_bytes() if found.is_file() else None


def graph_of(project: Path) -> Graph:
    """The stages of a project, with its files as they are. Raises PipelineError."""
    stages = {}
    for file in sorted(project.rglob("dvc.yaml")):
        folder = file.parent.relative_to(project).as_posix()

        name = file.relative_to(project).as_posix()
        for one in load_pipeline_file(file.read_bytes(), partial(read_beside, file), name=name).stages.values():
            address = Address("" if folder == "." else folder, one.name)
            stages[address] = without_outside_paths(address, one)
    return build_graph(stages)


@cache
def read_all() -> tuple[dict[str, Graph], dict[str, PipelineError]]:
    """The stages by project, or why it cannot be loaded."""
    graphs: dict[str, Graph] = {}
    errors: dict[str, PipelineError] = {}
    for project in projects():
        try:
            graphs[project.name] = graph_of(project)
        except PipelineError as error:
            errors[project.name] = error
    return graphs, errors


def test_what_dvc_loads_is_loaded() -> None:
    graphs, errors = read_all()
    # DVC 3.67.1 loads as many. Two of the others have `live`, five lack a file or a variable, one names no file at all.
    assert (len(graphs), len(errors)) == (244, 8)
    assert sum(len(graph.stages) for graph in graphs.values()) == 9556
    for error in errors.values():
        assert re.match(r"[\w/.-]+:\d+:\d+: ", error.what)
    removed = [error for error in errors.values() if "'live' is no longer supported" in error.what]
    assert len(removed) == 2
    assert all("`metrics: [" in (error.fix or "") for error in removed)


def test_an_output_outside_refuses_only_its_stage_and_a_dependency_outside_none() -> None:
    graphs, _ = read_all()
    refused = {
        name: sum(stage.refused is not None for stage in graph.stages.values()) for name, graph in graphs.items()
    }
    assert sorted(filter(None, refused.values())) == [3]
    assert sum(len(stage.external) for graph in graphs.values() for stage in graph.stages.values()) == 21


def test_artifacts_are_those_that_dvc_reads() -> None:
    found = []
    for project in projects():
        for file in sorted(project.rglob("dvc.yaml")):
            folder = file.parent.relative_to(project).as_posix().removeprefix(".")
            with suppress(PipelineError):
                read = load_pipeline_file(file.read_bytes(), partial(read_beside, file)).artifacts
                assert all(one.refused is None for one in read.values())
                found += [artifact_in(folder, one) for one in read.values()]
    # DVC 3.67.1 reads as many. One more is in a file that names variables of a file that is missing.
    assert (len(found), len({one.definition.type for one in found})) == (43, 3)
    assert "src:best" in [one.name for one in found]


def test_parameters_that_stages_name_are_found() -> None:
    graphs, _ = read_all()
    missing = []
    for name, graph in graphs.items():
        for address, stage in graph.stages.items():
            for params in stage.params:
                file = (corpus() or ROOT) / name / worktree_path(address.folder, params.file, params.mark)
                values = parse_values(file.read_bytes(), file.name) if file.is_file() else {}
                found = dict(select_keys(values, params.keys))
                missing += [(name, key) for key in params.keys if values and not is_selected(key, found)]
    assert not missing


def test_an_edit_keeps_every_line_of_a_file() -> None:
    found = corpus()
    assert found is not None
    files = sorted(found.rglob("dvc.yaml"))
    for file in files:
        before = file.read_bytes()
        after = add_stage(before, "dver_new", {"cmd": "run", "outs": ["dver_out"]}, name=file.name)
        removed = remove_stage(after, "dver_new", name=file.name)
        for edited in (after, removed):
            left = iter(edited.splitlines())
            kept = before.removesuffix(b"stages: {}\n")  # an empty mapping gets entries
            assert all(line in left for line in kept.splitlines()), file
        assert b"dver_new" not in removed
    assert len(files) == 427

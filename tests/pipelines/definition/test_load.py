from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from dver.core.errors import PipelineError
from dver.pipelines.definition.interpolate import OptionStyle
from dver.pipelines.definition.load import load_pipeline_file
from dver.pipelines.definition.stage import OutputRole, PipelineFile, PlotStyle, Resources, Stage

PARAMS = b"""
lr: 0.1
seed: 42
train:
  layers: [64, 32]
  deep: true
  quiet: false
  name: a b
models: [svm, forest]
"""


def read(text: str, files: Mapping[str, bytes] | None = None) -> PipelineFile:
    return load_pipeline_file(text.encode(), (files if files is not None else {"params.yaml": PARAMS}).get)


def stage(body: str, **files: Any) -> Stage:
    lines = "".join(f"    {line}\n" for line in body.strip().split("\n"))
    return read(f"stages:\n  one:\n{lines}", **files).stages["one"]


def paths(found: Stage) -> list[str]:
    return [one.path for one in found.outs]


def params(found: Stage) -> dict[str, tuple[str, ...]]:
    return {one.file: one.keys for one in found.params}


# -- stages


def test_a_stage_has_all_that_it_can_have() -> None:
    found = stage(
        """
cmd:
- python prepare.py
- python train.py
wdir: sub
deps: [../data, train.py]
params: [lr, train.layers, {other.toml: [a.b]}, {whole.json: }]
outs:
- model.bin
- cache.db: {cache: false, persist: true, desc: kept}
metrics:
- metrics.json: {cache: false}
plots:
- roc.csv: {x: fpr, y: tpr, title: ROC}
env: [SEED, MODE: fast]
resources: {cpus: 2, gpus: 1, memory: 8GB}
retry: 3
timeout: 1h30m
frozen: true
always_changed: true
deterministic: false
tolerance: {accuracy: 0.01}
desc: Trains
meta: {owner: [a, b]}
"""
    )
    assert found.cmd == ("python prepare.py", "python train.py")
    assert found.wdir == "sub"
    assert [one.path for one in found.deps] == ["data", "sub/train.py"]
    assert params(found) == {
        "sub/other.toml": ("a.b",),
        "sub/whole.json": (),
        "sub/params.yaml": ("lr", "train.layers"),
    }
    assert paths(found) == ["sub/model.bin", "sub/cache.db", "sub/metrics.json", "sub/roc.csv"]
    assert [one.role for one in found.outs] == [OutputRole.OUT, OutputRole.OUT, OutputRole.METRICS, OutputRole.PLOTS]
    assert [one.cache for one in found.outs] == [True, False, False, True]
    assert [one.persist for one in found.outs] == [False, True, False, False]
    assert found.outs[3].plots == (PlotStyle(x="fpr", y="tpr", title="ROC"),)
    assert found.env == {"SEED": None, "MODE": "fast"}
    assert found.resources == Resources(cpus=2, gpus=1, memory=8 * 10**9)
    assert (found.retry, found.timeout) == (3, 5400)
    assert (found.frozen, found.always_changed, found.deterministic) == (True, True, False)
    assert found.tolerance == {"accuracy": 0.01}
    assert (found.desc, found.meta) == ("Trains", {"owner": ["a", "b"]})


def test_a_stage_needs_no_more_than_a_command() -> None:
    found = stage("cmd: echo")
    assert (found.cmd, found.commands, found.deps, found.outs, found.params) == ("echo", ("echo",), (), (), ())


def test_lists_and_values_that_are_left_empty_are_none() -> None:
    found = stage("cmd: echo\ndeps:\nouts:\n- a:\nparams:\nenv:\n")
    assert found.deps == ()
    assert paths(found) == ["a"]
    assert read("stages:\n").stages == {}


def test_paths_are_normalised() -> None:
    found = stage("cmd: echo\nwdir: a/b\ndeps: [./x, ../y/, ../../../z]\nouts: [c/./d]")
    assert [one.path for one in found.deps] == ["a/b/x", "a/y", "../z"]
    assert paths(found) == ["a/b/c/d"]


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("90s", 90), ("30m", 1800), ("1d2h", 93600), ("0.5s", 0.5)])
def test_durations(text: str, seconds: float) -> None:
    assert stage(f"cmd: echo\ntimeout: {text}").timeout == seconds


@pytest.mark.parametrize(("text", "size"), [("1000", 1000), ("8GB", 8 * 10**9), ("1.5 GiB", 3 * 2**29), ("4k", 4000)])
def test_sizes(text: str, size: int) -> None:
    assert stage(f"cmd: echo\nresources: {{memory: {text}}}").resources.memory == size


def test_one_plot_file_can_be_drawn_several_ways() -> None:
    found = stage("cmd: echo\nplots:\n- a.csv:\n  - {x: a, y: b}\n  - {x: a, y: [c, d]}")
    assert found.outs[0].plots == (PlotStyle(x="a", y="b"), PlotStyle(x="a", y=("c", "d")))


def test_the_top_of_a_file_lists_more_files_and_plots() -> None:
    found = read(
        "params: [more.yaml]\nmetrics: ['${models[0]}.json']\n"
        "plots:\n- a.csv\n- roc: {x: {f: a}, y: {f: [b, c]}}\n- curves\n"
    )
    assert found.params == ("more.yaml",)
    assert found.metrics == ("svm.json",)
    assert [one.name for one in found.plots] == ["a.csv", "roc", "curves"]
    assert found.plots[1].plot == PlotStyle(x={"f": "a"}, y={"f": ("b", "c")})
    assert [one.name for one in read("plots: {a: {x: b}, c: }\n").plots] == ["a", "c"]


# -- variables


def test_variables_take_their_places() -> None:
    found = stage("cmd: run --lr ${lr} ${train.layers[1]} ${ models[0] } ${train.deep}\nouts: ['${models[1]}.bin']")
    assert found.cmd == "run --lr 0.1 32 svm true"
    assert paths(found) == ["forest.bin"]


def test_a_mapping_in_a_command_becomes_options() -> None:
    assert stage("cmd: run ${train}").cmd == "run --layers 64 32 --deep --name 'a b'"


@pytest.mark.parametrize(
    ("style", "options"),
    [
        (OptionStyle(), "--a --n.d --l 1 'x y' True"),
        (OptionStyle(repeated=True), "--a --n.d --l 1 --l 'x y' --l True"),
        (OptionStyle(negated=True), "--a --no-b --no-n.c --n.d --l 1 'x y' True"),
        (OptionStyle(negated=True, repeated=True), "--a --no-b --no-n.c --n.d --l 1 --l 'x y' --l True"),
    ],
)
def test_options_are_written_as_the_settings_say(style: OptionStyle, options: str) -> None:
    params = {"params.yaml": b"d: {a: true, b: false, n: {c: false, d: true}, l: [1, x y, true], e: []}"}
    found = load_pipeline_file(b"stages: {one: {cmd: 'run ${d}'}}", params.get, style=style)
    assert found.stages["one"].cmd == f"run {options}"


def test_a_backslash_keeps_the_shells_own_variables() -> None:
    assert stage(r"cmd: echo \${HOME} $HOME ${lr}").cmd == "echo ${HOME} $HOME 0.1"


def test_what_is_nothing_but_a_variable_keeps_its_type() -> None:
    found = stage("cmd: echo\nretry: ${seed}\nfrozen: ${train.deep}")
    assert (found.retry, found.frozen) == (42, True)


def test_variables_come_from_files_and_mappings() -> None:
    files = {"conf/a.toml": b"x = 1\ny = 2\n", "b.json": b'{"deep": {"z": 3}}'}
    text = (
        "vars:\n- conf/a.toml:x\n- b.json\n- {deep: {w: 4}}\nstages:\n  one:\n    cmd: run ${x} ${deep.z} ${deep.w}\n"
    )
    assert read(text, files).stages["one"].cmd == "run 1 3 4"


def test_a_stage_has_variables_of_its_own() -> None:
    files = {"sub/local.yaml": b"mine: 5\n", "params.yaml": PARAMS}
    found = stage("cmd: run ${mine} ${here} ${lr}\nwdir: sub\nvars: [local.yaml, {here: 6}]", files=files)
    assert found.cmd == "run 5 6 0.1"


def test_variables_may_be_written_in_keys() -> None:
    assert paths(stage("cmd: echo\nouts:\n- '${models[0]}.bin': {cache: false}")) == ["svm.bin"]


# -- foreach and matrix


def members(text: str) -> dict[str, object]:
    """The commands of the stages that a foreach or a matrix makes."""
    found = read(f"stages:\n  fit: {text}\n").stages
    assert {one.group for one in found.values()} == {"fit"}
    return {name: one.cmd for name, one in found.items()}


def test_foreach_over_a_list_makes_a_stage_of_each() -> None:
    found = members("{foreach: '${models}', do: {cmd: 'fit ${item}'}}")
    assert found == {"fit@svm": "fit svm", "fit@forest": "fit forest"}


def test_foreach_over_a_mapping_knows_keys() -> None:
    found = members("{foreach: {a: {lr: 1}, b: {lr: 2}}, do: {cmd: 'fit ${key} ${item.lr}'}}")
    assert found == {"fit@a": "fit a 1", "fit@b": "fit b 2"}


def test_members_that_are_compound_are_numbered() -> None:
    assert list(members("{foreach: [{a: 1}, 2], do: {cmd: fit}}")) == ["fit@0", "fit@1"]


def test_a_matrix_makes_every_combination() -> None:
    axes = "{model: '${models}', cfg: [{x: 1}, {x: 2}]}"
    assert members(f"{{matrix: {axes}, cmd: 'm ${{item.model}} ${{item.cfg.x}}'}}") == {
        "fit@svm-cfg0": "m svm 1",
        "fit@svm-cfg1": "m svm 2",
        "fit@forest-cfg0": "m forest 1",
        "fit@forest-cfg1": "m forest 2",
    }


def test_a_large_matrix_is_read() -> None:
    axes = f"{{a: {list(range(100))}, b: {list(range(50))}}}"
    assert len(read(f"stages:\n  m:\n    matrix: {axes}\n    cmd: m ${{item.a}} ${{item.b}}\n").stages) == 5000


def test_a_truth_value_gives_the_name_that_dvc_gives() -> None:
    assert list(members("{foreach: [true, '${train.deep}'], do: {cmd: 'fit ${item}'}}")) == ["fit@true", "fit@True"]
    assert members("{matrix: {a: ['${train.quiet}']}, cmd: 'fit ${item.a}'}") == {"fit@False": "fit false"}


def test_an_axis_without_values_makes_no_stages_and_one_of_a_mapping_has_its_keys() -> None:
    assert read("stages:\n  fit: {matrix: {a: [], b: [1]}, cmd: fit}\n").stages == {}
    assert members("{matrix: {a: '${train}'}, cmd: 'fit ${item.a}'}")["fit@deep"] == "fit deep"


def test_what_is_listed_twice_counts_once() -> None:
    found = stage(
        "cmd: echo\ndeps: [a, ./a]\nouts: [b, b]\nparams: [x, {params.yaml: [y, x]}, {f.yaml: [z]}, {f.yaml: }]"
    )
    assert [one.path for one in found.deps] == ["a"]
    assert paths(found) == ["b"]
    assert params(found) == {"params.yaml": ("x", "y"), "f.yaml": ()}
    assert list(members("{foreach: [a, a], do: {cmd: fit}}")) == ["fit@a"]


# -- mistakes


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("deps: [a]", "3:5: stage 'one' has no `cmd`"),
        ("cmd: 5", "3:10: `cmd`: expected text, not a number"),
        ("cmd: ''", "3:10: `cmd`: expected text, not an empty string"),
        ("cmd: []", "3:10: `cmd`: expected a command, not an empty list"),
        ("cmd: a\ndep: [a]", "4:5: stage 'one': unknown key 'dep'"),
        ("cmd: a\ndeps: a", "4:11: `deps`: expected a list, not text"),
        ("cmd: a\ndeps: [1]", "4:12: `deps`: expected text, not a number"),
        ("cmd: a\nouts: [a, {./a: {cache: false}}]", "4:15: `outs`: duplicate output 'a' (first in line 4)"),
        ("cmd: a\nouts: [a]\nmetrics: [a]", "5:15: `metrics`: duplicate output 'a' (first in line 4)"),
        ("cmd: a\nouts: [{a: {cash: true}}]", "4:17: 'a': unknown key 'cash'"),
        ("cmd: a\nouts: [{a: {cache: 1}}]", "4:24: `cache`: expected true or false, not a number"),
        ("cmd: a\nretry: -1", "4:12: `retry`: expected an integer of at least 0, not -1"),
        ("cmd: a\ntimeout: soon", "4:14: `timeout`: expected a duration such as 90s, 30m or 1h30m, not 'soon'"),
        ("cmd: a\ntimeout: 0", "4:14: `timeout`"),
        ("cmd: a\nresources: {memory: much}", "4:25: `memory`: expected a size such as 8GB, not 'much'"),
        ("cmd: a\nresources: {cpus: .inf}", "4:23: `cpus`"),
        ("cmd: a\ndeps: [a]\nmodifies: [b]", "5:16: `modifies`: 'b' is not in `deps`"),
        ("cmd: a\nenv: ['A=1']", "4:11: `env`: 'A=1' is not a variable name"),
        ("cmd: a ${lrr}", "3:10: ${lrr}: variable 'lrr' not found"),
        ("cmd: a ${train.layers[2]}", "3:10: ${train.layers[2]}: '2' not found in a list"),
        ("cmd: a ${lr.x}", "3:10: ${lr.x}: 'x' not found in a number"),
        ("cmd: a ${}", "3:10: ${} is not a variable"),
        ("cmd: a ${a b.}", "3:10: ${a b.} is not a variable"),
        ("cmd: a\ndeps: ['${train}']", "4:12: ${train} is a mapping, which cannot be inserted into text"),
        ("cmd: a\nvars: [none.yaml]", "4:12: file 'none.yaml' not found"),
        ("cmd: a\nvars: [{lr: 1}]", "4:11: variable 'lr' is defined twice: as 0.1 and as 1"),
        ("cmd: a\nvars: [{x: '${lr}'}]", "4:12: `vars` cannot contain ${…}"),
        ("foreach: [a]", "3:5: stage 'one' has no `do`"),
        ("do: {cmd: a}", "3:5: stage 'one' has no `foreach`"),
        ("foreach: 5\ndo: {cmd: a}", "3:14: `foreach`: expected a list or a mapping, not a number"),
        ("foreach: [1, '1']\ndo: {cmd: a}", "3:18: `foreach`: duplicate key '1' for 1 and '1'"),
        ("matrix: {a: [1, '1']}\ncmd: a", "3:21: `matrix`: duplicate key '1' in 'a' for 1 and '1'"),
        ("matrix: {a: 1}\ncmd: a", "3:17: `matrix`: expected a list for 'a', not a number"),
    ],
)
def test_a_mistake_in_a_stage_is_told_with_its_place(body: str, told: str) -> None:
    with pytest.raises(PipelineError) as caught:
        stage(body)
    assert caught.value.what.startswith(f"dver.yaml:{told}")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("stage: {}\n", "1:1: dver.yaml: unknown key 'stage'"),
        ("stages: [a]\n", "1:9: `stages`: expected a mapping, not a list"),
        ("stages:\n  a@b: {cmd: a}\n", "2:3: invalid stage name 'a@b'"),
        ("stages:\n  a: echo\n", "2:6: stage 'a': expected a mapping, not text"),
        ("- a\n", "1:1: dver.yaml: expected a mapping, not a list"),
        ("vars: {a: 1}\n", "1:7: expected a list of files and mappings, not a mapping"),
        ("metrics: a\n", "1:10: `metrics`: expected a list, not text"),
    ],
)
def test_a_mistake_at_the_top_is_told_with_its_place(text: str, told: str) -> None:
    with pytest.raises(PipelineError) as caught:
        read(text)
    assert caught.value.what.startswith(f"dver.yaml:{told}")


def test_a_misspelt_key_is_put_right() -> None:
    with pytest.raises(PipelineError) as caught:
        stage("cmd: a\nmetric: [a]")
    assert caught.value.fix == "did you mean 'metrics'?"


def test_whole_files_of_parameters_are_asked_for_without_keys() -> None:
    assert params(stage("cmd: a\nparams: [{params.yaml: }]")) == {"params.yaml": ()}


def test_dependencies_outside_of_the_project_are_kept_apart() -> None:
    found = stage("cmd: a\ndeps: ['s3://b/${x}', a, /data/in, 's3://b/${x}', dver://../other@v1/data]\nvars: [{x: 1}]")
    assert [one.path for one in found.deps] == ["a"]
    assert [one.path for one in found.external] == ["s3://b/1", "/data/in", "dver://../other@v1/data"]
    assert str(found.external[1].mark) == "dver.yaml:4:30"
    assert found.refused is None


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("outs: [/etc/passwd, c]", "4:12: `outs`: '/etc/passwd' is not a relative path"),
        ("outs: [s3://b/a, c]", "4:12: `outs`: 's3://b/a' is a URL"),
        ("params: [b, /p.yaml: [a]]", "4:17: `params`: '/p.yaml' is not a relative path"),
    ],
)
def test_a_path_that_is_not_in_the_project_refuses_the_stage_and_is_left_out(body: str, told: str) -> None:
    found = stage(f"cmd: a\n{body}")
    assert found.refused is not None
    assert found.refused.what.startswith(f"dver.yaml:{told}")
    assert [one.path for one in (*found.deps, *found.outs)] + [one.file for one in found.params] in (
        ["c"],
        ["params.yaml"],
    )


@pytest.mark.parametrize(
    "stages",
    [
        "  a: {cmd: '" + "${big}" * 1000 + "'}",
        "  a: {matrix: {m: [" + ", ".join(map(str, range(2000))) + "]}, cmd: 'x ${big}'}",
        "  a: {matrix: {m: ['${big}'], n: [" + ", ".join(map(str, range(2000))) + "]}, cmd: x}",
    ],
)
def test_variables_that_become_gigabytes_are_refused(stages: str) -> None:
    text = f"vars: [{{big: {'x' * 50_000}}}]\nstages:\n{stages}\n"
    with pytest.raises(PipelineError, match=r"exceeds? [0-9,]+ characters"):
        load_pipeline_file(text.encode(), {}.get)

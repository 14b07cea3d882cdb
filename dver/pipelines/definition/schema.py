"""Builds stages from YAML with variables substituted, and checks every key and type (docs/format/dver-yaml.md)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from dver.pipelines.definition import yaml_fields
from dver.pipelines.definition.metric_goals import GOAL_KEYS, MetricGoal, read_goals
from dver.pipelines.definition.stage import (
    PARAMS_FILE,
    Dependency,
    Output,
    OutputRole,
    ParamsDependency,
    PlotStyle,
    Resources,
    Stage,
    TopPlot,
)
from dver.pipelines.definition.yaml_fields import (
    StagePaths,
    flag,
    is_external,
    list_items,
    mapping,
    optional_text,
    scalar_text,
    text,
)
from dver.pipelines.definition.yaml_tree import Mark, Node, error_at

STAGE_KEYS: Final = (
    "cmd",
    "wdir",
    "deps",
    "params",
    "modifies",
    "outs",
    "metrics",
    "plots",
    "vars",
    "env",
    "resources",
    "retry",
    "timeout",
    "frozen",
    "always_changed",
    "deterministic",
    "tolerance",
    "desc",
    "meta",
)
REMOVED_KEYS: Final = {
    "live": "list its files instead: `metrics: [DIR/metrics.json: {cache: false}]` and `plots: [DIR/plots]`",
}
"""Keys of stages in older versions of DVC, and their replacements."""
_OUTPUT_KEYS: Final = ("cache", "persist", "push", "remote", "desc", "type", "labels", "meta", "checkpoint", "checks")
_PLOT_KEYS: Final = ("x", "y", "x_label", "y_label", "title", "template", "header")
_MORE_KEYS: Final = {OutputRole.OUT: (), OutputRole.METRICS: GOAL_KEYS, OutputRole.PLOTS: _PLOT_KEYS}
_RESOURCE_KEYS: Final = ("cpus", "gpus", "memory")


def read_stage(name: str, node: Node, *, group: str | None = None) -> Stage:
    """The stage that `node` defines. Raises PipelineError with the position of the mistake."""
    found = mapping(node, f"stage {name!r}", STAGE_KEYS)
    if "cmd" not in found:
        raise error_at(node.mark, f"stage {name!r} has no `cmd`", fix="add a command: `cmd: python train.py`")
    paths = StagePaths()
    wdir = read_wdir(found, paths)
    if paths.refused is None:
        paths.wdir = wdir
    retry, timeout = found.get("retry"), found.get("timeout")
    deps, external = _dependencies(found.get("deps"), paths)
    return Stage(
        name=name,
        cmd=_command(found["cmd"]),
        mark=node.keys.get("cmd", node.mark),
        wdir=wdir,
        deps=deps,
        external=external,
        params=tuple(_params(found.get("params"), paths)),
        modifies=tuple(_modified_paths(found.get("modifies"), paths, deps)),
        outs=tuple(_outputs(found, paths)),
        env=_environment(found.get("env")),
        resources=_resources(found.get("resources")),
        retry=yaml_fields.whole_number(retry, "`retry`") if retry is not None else 0,
        timeout=yaml_fields.duration(timeout, "`timeout`") if timeout is not None else None,
        frozen=flag(found, "frozen", False),
        always_changed=flag(found, "always_changed", False),
        deterministic=flag(found, "deterministic", True),
        tolerance=_tolerance(found.get("tolerance")),
        desc=optional_text(found, "desc"),
        meta=found["meta"].plain() if "meta" in found else None,
        group=group,
        refused=paths.refused,
    )


def read_wdir(found: Mapping[str, Node], paths: StagePaths) -> str:
    """The working directory of a stage, relative to the directory of the file."""
    node = found.get("wdir")
    return "." if node is None else paths.read(text(node, "`wdir`"), node.mark, "`wdir`") or "."


def read_top_params(node: Node | None) -> tuple[str, ...]:
    """The files under `params` at the top level. Skips files outside of the project."""
    what = "`params`"
    paths = StagePaths()
    found = (paths.read(text(one, what), one.mark, what) for one in list_items(node, what))
    return tuple(one for one in found if one is not None)


def read_top_metrics(node: Node | None) -> dict[str, tuple[MetricGoal, ...]]:
    """The files under `metrics` at the top level, with their goals. Skips files outside of the project."""
    what = "`metrics`"
    paths = StagePaths()
    files: dict[str, tuple[MetricGoal, ...]] = {}
    for one in list_items(node, what):
        listed: Mapping[str, Node | None] = one.value if isinstance(one.value, Mapping) else {text(one, what): None}
        for name, options in listed.items():
            path = paths.read(name, one.keys.get(name, one.mark), what)
            named = {} if options is None or options.value is None else mapping(options, f"{name!r}", GOAL_KEYS)
            if path is not None:
                files[path] = read_goals(named)
    return files


def read_top_plots(node: Node | None) -> tuple[TopPlot, ...]:
    """The plots at the top level: files, or ids with their styles."""
    if node is not None and isinstance(node.value, Mapping):  # an older form: one mapping instead of a list of them
        return tuple(_top_plots(node))
    return tuple(plot for one in list_items(node, "`plots`") for plot in _top_plots(one))


def _top_plots(node: Node) -> Iterator[TopPlot]:
    if isinstance(node.value, str):
        yield TopPlot(text(node, "`plots`"), PlotStyle(), node.mark)
        return
    for name, one in mapping(node, "`plots`").items():
        yield TopPlot(name, _plot(one) if one.value is not None else PlotStyle(), node.keys.get(name, node.mark))


def _command(node: Node) -> str | tuple[str, ...]:
    if isinstance(node.value, tuple):
        if not node.value:
            raise error_at(node.mark, "`cmd`: expected a command, not an empty list")
        return tuple(text(one, "`cmd`").strip() for one in node.value)
    return text(node, "`cmd`").strip()


def _dependencies(node: Node | None, paths: StagePaths) -> tuple[tuple[Dependency, ...], tuple[Dependency, ...]]:
    """The dependencies in the repository, and those outside of it, each once."""
    inside: dict[str, Dependency] = {}
    outside: dict[str, Dependency] = {}
    for one in list_items(node, "`deps`"):
        value = text(one, "`deps`")
        if is_external(value):
            outside.setdefault(value, Dependency(value, one.mark))
        elif (path := paths.read(value, one.mark, "`deps`")) is not None:
            inside.setdefault(path, Dependency(path, one.mark))
    return tuple(inside.values()), tuple(outside.values())


def _modified_paths(node: Node | None, paths: StagePaths, deps: Sequence[Dependency]) -> Iterator[str]:
    for one in list_items(node, "`modifies`"):
        name = text(one, "`modifies`")
        found = paths.read(name, one.mark, "`modifies`")
        if found is None:
            continue
        if all(found != dep.path for dep in deps):
            raise error_at(
                one.mark, f"`modifies`: {name!r} is not in `deps`", fix="add it to `deps`, or remove it here"
            )
        yield found


def _params(node: Node | None, paths: StagePaths) -> Iterator[ParamsDependency]:
    """The parameters of each file, listed once. A whole file includes all of its keys."""
    asked: dict[str, dict[str, None]] = {}
    whole: set[str] = set()
    marks: dict[str, Mark] = {}
    for one in list_items(node, "`params`"):
        named = one.value.items() if isinstance(one.value, Mapping) else [(PARAMS_FILE, Node((one,), one.mark))]
        for file, keys in named:
            mark = one.keys.get(file, one.mark)
            path = paths.read(file, mark, "`params`")
            if path is None:
                continue
            marks.setdefault(path, mark)
            names = [scalar_text(key, "`params`") for key in list_items(keys, "`params`")]
            asked.setdefault(path, {}).update(dict.fromkeys(names))
            whole.update([] if names else [path])
    for path, mark in marks.items():
        yield ParamsDependency(path, () if path in whole else tuple(asked[path]), mark)


def _outputs(found: Mapping[str, Node], paths: StagePaths) -> Iterator[Output]:
    seen: dict[str, Output] = {}
    for role in OutputRole:
        what = f"`{role.value}`"
        for one in list_items(found.get(role.value), what):
            listed: Mapping[str, Node | None] = one.value if isinstance(one.value, Mapping) else {text(one, what): None}
            for name, options in listed.items():
                output = _output(name, options, role, paths, one)
                if output is None:
                    continue
                first = seen.setdefault(output.path, output)
                if first is output:
                    yield output
                elif replace(first, mark=output.mark) != output:
                    raise error_at(
                        one.mark, f"{what}: duplicate output {output.path!r} (first in line {first.mark.line})"
                    )


def _output(name: str, options: Node | None, role: OutputRole, paths: StagePaths, node: Node) -> Output | None:
    what = f"{name!r}"
    mark = node.keys.get(name, node.mark)
    path = paths.read(name, mark, f"`{role.value}`")
    if path is None:
        return None
    if options is None or options.value is None:
        return Output(path, role, mark)
    known = _OUTPUT_KEYS + _MORE_KEYS[role]
    several = options.value if isinstance(options.value, tuple) and role is OutputRole.PLOTS else (options,)
    first = mapping(several[0], what, known) if several else {}
    remote = first.get("remote")
    return Output(
        path,
        role,
        mark,
        cache=flag(first, "cache", True),
        persist=flag(first, "persist", False),
        push=flag(first, "push", True),
        remote=text(remote, "`remote`") if remote is not None and remote.value is not None else None,
        desc=optional_text(first, "desc"),
        plots=tuple(_plot(one, known) for one in several) if role is OutputRole.PLOTS else (),
        goals=read_goals(first),
        checks=first.get("checks"),
    )


def _plot(node: Node, known: tuple[str, ...] = _PLOT_KEYS) -> PlotStyle:
    found = mapping(node, "a plot", known)
    return PlotStyle(
        x=_column(found.get("x")),
        y=_columns(found.get("y")),
        x_label=optional_text(found, "x_label"),
        y_label=optional_text(found, "y_label"),
        title=optional_text(found, "title"),
        template=optional_text(found, "template"),
        header=flag(found, "header", True),
    )


def _column(node: Node | None) -> str | Mapping[str, str | tuple[str, ...]] | None:
    if node is None or node.value is None:
        return None
    if isinstance(node.value, Mapping):
        return {file: _one_or_more(one, "`x`") for file, one in node.value.items()}
    return scalar_text(node, "`x`")


def _columns(node: Node | None) -> str | tuple[str, ...] | Mapping[str, str | tuple[str, ...]] | None:
    if node is None or node.value is None:
        return None
    if isinstance(node.value, Mapping):
        return {file: _one_or_more(one) for file, one in node.value.items()}
    return _one_or_more(node)


def _one_or_more(node: Node, what: str = "`y`") -> str | tuple[str, ...]:
    if isinstance(node.value, tuple):
        return tuple(scalar_text(one, what) for one in node.value)
    return scalar_text(node, what)


def _environment(node: Node | None) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for one in list_items(node, "`env`"):
        pairs = one.value.items() if isinstance(one.value, Mapping) else [(text(one, "`env`"), None)]
        for name, value in pairs:
            if "=" in name or not name:
                why = f"`env`: {name!r} is not a variable name"
                raise error_at(one.mark, why, fix="use `- NAME` or `- NAME: value`")
            found[name] = scalar_text(value, "`env`") if value is not None and value.value is not None else None
    return found


def _resources(node: Node | None) -> Resources:
    if node is None:
        return Resources()
    found = mapping(node, "`resources`", _RESOURCE_KEYS)
    return Resources(
        cpus=yaml_fields.number(found["cpus"], "`cpus`") if "cpus" in found else 0,
        gpus=yaml_fields.number(found["gpus"], "`gpus`") if "gpus" in found else 0,
        memory=yaml_fields.size(found["memory"], "`memory`") if "memory" in found else 0,
    )


def _tolerance(node: Node | None) -> float | Mapping[str, float]:
    if node is None:
        return 0.0
    if isinstance(node.value, Mapping):
        return {key: yaml_fields.number(one, f"`tolerance` of {key!r}") for key, one in node.value.items()}
    return yaml_fields.number(node, "`tolerance`")

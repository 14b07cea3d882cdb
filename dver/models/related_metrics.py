"""The metrics that belong to a model: of the stages that made it, and of those that evaluate it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from dver.formats.lock import LockedStage
from dver.pipelines.compare.compared_versions import ReadProblem, Side
from dver.pipelines.compare.params_metrics import WantedValues, metrics_of
from dver.pipelines.engine.graph import Address
from dver.pipelines.lineage import consumers, output_places, upstream_stages


def related_metrics(
    side: Side, stages: Mapping[Address, LockedStage], path: str, problems: list[ReadProblem]
) -> WantedValues:
    """The metrics files of `side` that belong to the model at `path`; `stages` are those of its lock files.

    If these stages have no metrics, all files count, since metrics may be in a file that no stage names. None count for
    a dataset that stages only read. Adds unreadable `dver.yaml` files to `problems`.
    """
    wanted = metrics_of(side, problems)
    upstream = upstream_stages(stages, path)
    outputs = output_places({**upstream, **_downstream_stages(stages, path)})
    chosen = [one for one in wanted.keys if _is_of(one, outputs)]
    if not chosen and (upstream or not stages):
        return wanted
    return WantedValues({one: wanted.keys[one] for one in chosen}, wanted.optional, wanted.parse)


def _downstream_stages(stages: Mapping[Address, LockedStage], path: str) -> dict[Address, LockedStage]:
    """The stages that read `path`, and those that read what they make."""
    found: dict[Address, LockedStage] = {}
    waiting = [path]
    while waiting:
        new = {one: stage for one, stage in consumers(stages, waiting.pop()).items() if one not in found}
        found.update(new)
        waiting += output_places(new)
    return found


def _is_of(path: str, outputs: Iterable[str]) -> bool:
    return any(path == one or path.startswith(f"{one}/") or one.startswith(f"{path}/") for one in outputs)

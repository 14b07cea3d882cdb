from __future__ import annotations

from collections.abc import Collection

from dver.pipelines.definition.load import load_pipeline_file
from dver.pipelines.engine.graph import Address, Graph, build_graph
from dver.pipelines.engine.plan import Intent, StagePlan, plan_stages, stages_in_scope
from dver.pipelines.engine.reasons import Always, Forced, NeverRun, Reason, Upstream

CHANGED = NeverRun()


def chain(*, frozen: Collection[str] = ()) -> Graph:
    """a -> b -> c, and d alone."""
    lines = ["stages:"]
    for name, dep in (("a", "raw"), ("b", "a.out"), ("c", "b.out"), ("d", "raw")):
        lines += [f"  {name}:", f"    cmd: make {name}", f"    deps: [{dep}]", f"    outs: [{name}.out]"]
        lines += ["    frozen: true"] if name in frozen else []
    stages = load_pipeline_file("\n".join(lines).encode(), {}.get).stages
    return build_graph({Address("", name): stage for name, stage in stages.items()})


def at(*names: str) -> tuple[Address, ...]:
    return tuple(Address("", name) for name in names)


def intents(
    graph: Graph, stale: dict[str, tuple[Reason, ...]], *, forced: str = "", restorable: str = ""
) -> dict[str, Intent]:
    return {one.address.name: one.intent for one in planned(graph, stale, forced=forced, restorable=restorable)}


def planned(
    graph: Graph, stale: dict[str, tuple[Reason, ...]], *, forced: str = "", restorable: str = ""
) -> tuple[StagePlan, ...]:
    reasons = {Address("", name): found for name, found in stale.items()}
    return plan_stages(graph, graph.order, reasons, forced=at(*forced), restorable=at(*restorable))


def test_the_scope_of_a_target_is_all_that_it_needs() -> None:
    graph = chain()
    assert stages_in_scope(graph, at("c")) == at("a", "b", "c")
    assert stages_in_scope(graph, at("c"), single=True) == at("c")
    assert stages_in_scope(graph, at("b"), downstream=True) == at("b", "c")
    assert stages_in_scope(graph, at("d", "b")) == at("a", "b", "d")
    assert stages_in_scope(graph, ()) == ()


def test_stages_that_only_a_frozen_stage_needs_are_out_of_scope() -> None:
    assert stages_in_scope(chain(frozen="b"), at("c")) == at("b", "c")
    assert stages_in_scope(chain(frozen="b"), at("a", "c")) == at("a", "b", "c")
    assert stages_in_scope(chain(frozen="b"), at("a"), downstream=True) == at("a", "b", "c")


def test_a_stage_without_reasons_is_up_to_date() -> None:
    assert set(intents(chain(), {}).values()) == {Intent.NOTHING}
    assert [one.reasons for one in planned(chain(), {})] == [(), (), (), ()]


def test_all_stages_downstream_of_one_that_runs_run() -> None:
    found = planned(chain(), {"a": (CHANGED,), "c": (CHANGED,)})
    assert [(one.address.name, one.intent, one.reasons) for one in found] == [
        ("a", Intent.RUN, (CHANGED,)),
        ("b", Intent.RUN, (Upstream(at("a")),)),
        ("c", Intent.RUN, (CHANGED, Upstream(at("b")))),
        ("d", Intent.NOTHING, ()),
    ]


def test_a_restored_stage_runs_nothing_downstream() -> None:
    assert intents(chain(), {"a": (CHANGED,)}, restorable="a") == {
        "a": Intent.RESTORE, "b": Intent.NOTHING, "c": Intent.NOTHING, "d": Intent.NOTHING,
    }  # fmt: skip


def test_a_stage_downstream_of_one_that_runs_is_not_restored() -> None:
    found = intents(chain(), {"a": (CHANGED,), "b": (CHANGED,)}, restorable="b")
    assert (found["a"], found["b"]) == (Intent.RUN, Intent.RUN)


def test_a_forced_stage_or_one_that_always_runs_is_not_restored() -> None:
    found = planned(chain(), {"d": (Always(),)}, forced="a", restorable="ad")
    assert [one.intent for one in found if one.address.name in "ad"] == [Intent.RUN, Intent.RUN]
    assert found[0].reasons == (Forced(),)


def test_a_frozen_stage_never_runs_and_stops_the_run_from_spreading() -> None:
    found = planned(chain(frozen="b"), {"a": (CHANGED,), "b": (CHANGED,)})
    assert [one.intent for one in found] == [Intent.RUN, Intent.FROZEN, Intent.NOTHING, Intent.NOTHING]
    assert [one.is_frozen for one in found] == [False, True, False, False]
    assert found[1].reasons == (CHANGED, Upstream(at("a")))


def test_a_frozen_stage_can_be_restored_even_if_a_stage_before_it_runs() -> None:
    assert intents(chain(frozen="b"), {"a": (CHANGED,), "b": (CHANGED,)}, restorable="b")["b"] is Intent.RESTORE
    assert intents(chain(frozen="b"), {}, forced="b")["b"] is Intent.FROZEN

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from jobs import MemoryRunner

from dver.core.errors import DverError, StageError
from dver.pipelines.definition.stage import Resources
from dver.pipelines.engine.graph import Address
from dver.pipelines.engine.job import Job, JobEnd, JobOutput
from dver.pipelines.engine.resources import Capacity
from dver.pipelines.engine.schedule import ScheduledStage, StageState, run_stages


@dataclass
class Project:
    """Stages with the commands that they run, and what is noted of them."""

    commands: Mapping[str, Sequence[str]]
    skip: Mapping[str, StageState] = field(default_factory=dict)
    broken: frozenset[str] = frozenset()
    """Stages whose outputs cannot be recorded."""
    env: Mapping[str, str] = field(default_factory=dict)
    runner: MemoryRunner = field(default_factory=MemoryRunner)
    heard: list[tuple[str, StageState]] = field(default_factory=list)
    errors: dict[str, DverError] = field(default_factory=dict)
    recorded: list[str] = field(default_factory=list)
    finished: list[str] = field(default_factory=list)
    waits: dict[str, int] = field(default_factory=dict)
    """How often another process executes the run of a stage."""
    spoken: dict[str, bytes] = field(default_factory=dict)
    most: int = 0
    """How many ran at once, at most."""
    on_change: Callable[[str, StageState], None] = lambda _name, _state: None

    def check(self, address: Address) -> StageState | None:
        found = self.skip.get(address.name)
        return found if found is StageState.UP_TO_DATE else None

    def begin(self, address: Address) -> Job | StageState:
        if self.waits.get(address.name, 0):
            self.waits[address.name] -= 1
            return StageState.WAITING
        return self.skip.get(address.name) or self.retry(address)

    def retry(self, address: Address) -> Job:
        return Job(address.name, tuple(self.commands[address.name]), str(Path.cwd()), self.env)

    def record(self, address: Address, ended: JobEnd) -> None:
        assert ended.exit_code == 0
        if address.name in self.broken:
            raise StageError(f"stage {address.name!r} made nothing")
        self.recorded.append(address.name)

    def finish(self, address: Address) -> None:
        self.finished.append(address.name)

    def state_changed(self, address: Address, state: StageState, error: DverError | None = None) -> None:
        self.heard.append((address.name, state))
        if error is not None:
            self.errors[address.name] = error
        running = sum(1 if one is StageState.RUNNING else -1 for _, one in self.heard if one in ENDED_OR_RUNNING)
        self.most = max(self.most, running)
        self.on_change(address.name, state)

    def output(self, address: Address, content: bytes) -> None:
        self.spoken[address.name] = self.spoken.get(address.name, b"") + content

    def tick(self) -> None:
        """Nothing is drawn."""

    def run(
        self, tasks: Sequence[ScheduledStage], *, keep_going: bool = False, **capacity: object
    ) -> dict[str, StageState]:
        found = run_stages(
            tasks,
            self,
            self.runner,
            self,
            capacity=Capacity(**capacity),  # type: ignore[arg-type]
            keep_going=keep_going,
        )
        return {address.name: state for address, state in found.items()}


ENDED_OR_RUNNING = (StageState.RUNNING, StageState.DONE, StageState.FAILED, StageState.STOPPED)


def task(name: str, *upstream: str, **more: object) -> ScheduledStage:
    return ScheduledStage(Address("", name), tuple(Address("", one) for one in upstream), **more)  # type: ignore[arg-type]


def test_stages_run_one_after_the_other_in_their_order() -> None:
    project = Project({"a": ["echo 1"], "b": ["echo 2"], "c": ["echo 3"]})
    assert project.run([task("a"), task("b", "a"), task("c", "b")]) == dict.fromkeys("abc", StageState.DONE)
    assert [one.name for one in project.runner.jobs] == ["a", "b", "c"]
    assert project.recorded == ["a", "b", "c"]
    assert project.spoken == {"a": b"1\n", "b": b"2\n", "c": b"3\n"}


def test_nothing_to_do_is_done() -> None:
    assert Project({}).run([]) == {}


def test_what_is_up_to_date_or_restored_lets_others_go_on() -> None:
    project = Project({"c": ["echo"]}, skip={"a": StageState.UP_TO_DATE, "b": StageState.RESTORED})
    found = project.run([task("a"), task("b", "a"), task("c", "a", "b")])
    assert found == {"a": StageState.UP_TO_DATE, "b": StageState.RESTORED, "c": StageState.DONE}
    assert project.recorded == ["c"]


def test_upstream_stages_that_were_not_asked_for_count_as_over() -> None:
    assert Project({"b": ["echo"]}).run([task("b", "a")]) == {"b": StageState.DONE}


def test_as_many_run_at_once_as_are_allowed() -> None:
    names = [f"s{number}" for number in range(9)]
    project = Project({name: ["sleep 0.2"] for name in names})
    assert set(project.run([task(name) for name in names], jobs=3).values()) == {StageState.DONE}
    assert project.most == 3


def devices_of(project: Project) -> dict[str, str | None]:
    return {job.name: job.env.get("CUDA_VISIBLE_DEVICES") for job in project.runner.jobs}


def test_stages_beside_each_other_get_graphics_cards_of_their_own() -> None:
    project = Project({name: ["sleep 0.2"] for name in "abcd"})
    tasks = [task(name, resources=Resources(gpus=1)) for name in "abc"]
    project.run([*tasks, task("d")], jobs=4, gpus=2, devices=("4", "7"))
    found = devices_of(project)
    assert project.most == 3
    assert sorted([found["a"] or "", found["b"] or ""]) == ["4", "7"]
    assert found["c"] in ("4", "7")
    assert found["d"] is None


def test_halves_share_a_graphics_card_and_a_whole_one_waits_for_its_own() -> None:
    project = Project({name: ["sleep 0.2"] for name in "abcd"})
    wanted = {"a": 0.5, "b": 0.5, "c": 1, "d": 2}
    project.run(
        [task(name, resources=Resources(gpus=gpus)) for name, gpus in wanted.items()],
        jobs=4,
        gpus=2,
        devices=("0", "1"),
    )
    assert devices_of(project) == {"a": "0", "b": "0", "c": "1", "d": "0,1"}
    assert project.most == 3


def test_a_stage_that_names_its_graphics_cards_keeps_them() -> None:
    project = Project({"a": ["exit 0"]}, env={"CUDA_VISIBLE_DEVICES": "9"})
    project.run([task("a", resources=Resources(gpus=1))], gpus=2, devices=("0", "1"))
    assert devices_of(project) == {"a": "9"}


def test_another_attempt_gets_a_graphics_card_too() -> None:
    project = Project({"a": ["exit 3"]})
    project.run([task("a", resources=Resources(gpus=1), retry=2)], gpus=1, devices=("5",))
    assert [job.env for job in project.runner.jobs] == [{"CUDA_VISIBLE_DEVICES": "5"}] * 3


@pytest.mark.parametrize("resource", ["cpus", "gpus", "memory"])
def test_resources_are_not_given_twice(resource: str) -> None:
    names = [f"s{number}" for number in range(6)]
    project = Project({name: ["sleep 0.1"] for name in names})
    tasks = [task(name, resources=Resources(**{resource: 2})) for name in names]  # type: ignore[arg-type]
    assert set(project.run(tasks, jobs=6, **{resource: 4}).values()) == {StageState.DONE}
    assert project.most == 2


def test_a_stage_that_takes_more_than_there_is_runs_alone() -> None:
    project = Project({"big": ["sleep 0.1"], "small": ["sleep 0.1"]})
    tasks = [task("small", resources=Resources(cpus=1)), task("big", resources=Resources(cpus=64))]
    assert set(project.run(tasks, jobs=4, cpus=2).values()) == {StageState.DONE}
    assert project.most == 1


def test_a_small_stage_passes_a_large_one_that_has_no_room() -> None:
    project = Project({"one": ["sleep 1"], "big": ["echo"], "small": ["echo"]})
    tasks = [task(name, resources=Resources(cpus=cpus)) for name, cpus in (("one", 1), ("big", 2), ("small", 1))]
    project.run(tasks, jobs=4, cpus=2)
    assert project.recorded == ["small", "one", "big"]


def test_after_a_failure_nothing_new_begins_and_what_runs_is_recorded() -> None:
    project = Project({"bad": ["sleep 0.3", "exit 3"], "slow": ["sleep 1"], "next": ["echo"], "after": ["echo"]})
    found = project.run([task("bad"), task("slow"), task("after", "bad"), task("next", "slow")], jobs=2)
    assert found == {
        "bad": StageState.FAILED,
        "slow": StageState.DONE,
        "after": StageState.BLOCKED,
        "next": StageState.WAITING,
    }
    assert project.recorded == ["slow"]
    assert project.errors["bad"].what == "stage 'bad' failed"
    assert project.errors["bad"].why == "its command exited with code 3"
    assert project.errors["bad"].fix == "see its output: dver logs bad"


def test_keep_going_leaves_out_only_what_depends_on_the_failure() -> None:
    project = Project({"bad": ["exit 1"], "a": ["echo"], "b": ["echo"], "c": ["echo"], "d": ["echo"]})
    tasks = [task("bad"), task("a", "bad"), task("b", "a"), task("c"), task("d", "c", "b")]
    found = project.run(tasks, keep_going=True)
    blocked = StageState.BLOCKED
    assert found == {"bad": StageState.FAILED, "a": blocked, "b": blocked, "c": StageState.DONE, "d": blocked}


def test_a_long_chain_is_blocked_at_once() -> None:
    chain = [task("s0"), *(task(f"s{number}", f"s{number - 1}") for number in range(1, 3000))]
    found = Project({"s0": ["exit 1"]}).run(chain, keep_going=True)
    assert list(found.values()) == [StageState.FAILED, *[StageState.BLOCKED] * 2999]


def test_a_stage_is_tried_again_as_often_as_it_says() -> None:
    project = Project({"bad": ["exit 1"]})
    assert project.run([task("bad", retry=2)]) == {"bad": StageState.FAILED}
    assert len(project.runner.jobs) == 3
    assert project.errors["bad"].what == "stage 'bad' failed, 3 times"


def test_outputs_that_cannot_be_recorded_fail_the_stage() -> None:
    project = Project({"a": ["echo"], "b": ["echo"]}, broken=frozenset("a"))
    assert project.run([task("a", retry=3), task("b", "a")]) == {"a": StageState.FAILED, "b": StageState.BLOCKED}
    assert len(project.runner.jobs) == 1
    assert project.errors["a"].what == "stage 'a' made nothing"


def test_what_cannot_be_submitted_fails_the_stage() -> None:
    project = Project({"a": ["echo"]})
    project.runner.submit(Job("a", ("sleep 600",), "/"))
    assert project.run([task("a")]) == {"a": StageState.FAILED}
    assert "is already running" in project.errors["a"].what


def test_ctrl_c_asks_what_runs_to_end_and_keeps_what_is_done() -> None:
    project = Project({"a": ["echo"], "b": ["sleep 600"], "c": ["echo"]})

    def press(name: str, state: StageState) -> None:
        if (name, state) == ("b", StageState.RUNNING):
            raise KeyboardInterrupt

    project.on_change = press
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        project.run([task("a"), task("b", "a"), task("c", "b")])
    assert time.monotonic() - began < 60
    assert project.recorded == ["a"]
    assert project.heard[-2:] == [("b", StageState.STOPPED), ("c", StageState.BLOCKED)]


def test_a_second_ctrl_c_ends_what_does_not_listen() -> None:
    class Deaf(MemoryRunner):
        """Ends its jobs only by force, and presses Ctrl-C while it is waited for."""

        pressed = 0

        def stop(self, *, force: bool = False) -> None:
            if force:
                super().stop(force=True)

        def poll(self, seconds: float) -> Sequence[JobOutput | JobEnd]:
            if self.jobs and self.pressed < 2:
                self.pressed += 1
                raise KeyboardInterrupt
            return super().poll(seconds)

    project = Project({"a": ["sleep 600"]}, runner=Deaf())
    with pytest.raises(KeyboardInterrupt):
        project.run([task("a")])
    assert project.heard[-1] == ("a", StageState.STOPPED)


def test_a_stage_waits_while_another_process_executes_the_same_run() -> None:
    project = Project({"a": ["echo"], "b": ["echo"], "c": ["echo"]}, waits={"a": 2})
    found = project.run([task("a"), task("b"), task("c", "a")])
    assert found == dict.fromkeys("abc", StageState.DONE)
    assert project.recorded == ["b", "a", "c"]
    assert project.heard.count(("a", StageState.WAITING)) == 1
    assert project.finished == ["b", "a", "c"]


def test_a_failure_ends_the_wait_for_another_process() -> None:
    project = Project({"a": ["echo"], "b": ["exit 1"]}, waits={"a": 1_000_000})
    assert project.run([task("a"), task("b")]) == {"a": StageState.WAITING, "b": StageState.FAILED}
    assert project.finished == ["b"]


def test_a_stage_that_waits_does_not_use_resources() -> None:
    project = Project({"a": ["echo"], "b": ["echo"]}, waits={"a": 1})
    tasks = [task("a", resources=Resources(gpus=1)), task("b", resources=Resources(gpus=1))]
    assert set(project.run(tasks, jobs=1, gpus=1, devices=("0",)).values()) == {StageState.DONE}
    assert devices_of(project) == {"a": "0", "b": "0"}

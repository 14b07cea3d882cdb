"""A queue whose workers are killed at random, beside a workspace that is worked in. Shared by a test and a bench."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from support import git

from dver.experiments.experiment_log import log_path
from dver.experiments.journal import PREFIX, Journal
from dver.experiments.queue.processes import QueueProcess, living_processes
from dver.formats.experiment import MAX_SIZE, Experiment, ExperimentStatus, decode_entry
from dver.git.journal import journal_tips, read_entries
from dver.repo import Repository

STAGES = """\
stages:
  prepare: {cmd: cp -r data clean, deps: [data], outs: [clean]}
  train:
    cmd: "echo train ${number}; sleep 0.2; echo acc: ${number} > score.yaml; cat code/0 clean/0 > model"
    deps: [clean, code]
    params: [number]
    outs: [model]
    metrics: [score.yaml: {cache: false}]
"""


@dataclass
class KilledQueue:
    """A project at `root` with a queue of `tasks` experiments."""

    root: Path
    tasks: int
    env: Mapping[str, str] = field(default_factory=lambda: os.environ)
    kills: int = 0
    supervisor_kills: int = 0
    checks: int = 0
    """How often the workspace was compared with what its user left."""
    _random: random.Random = field(default_factory=lambda: random.Random(14))
    _supervisor: subprocess.Popen[bytes] | None = None
    _actions: int = 0

    def make(self, *, files: int = 20) -> None:
        """Make the project and queue the tasks."""
        self.root.mkdir(parents=True)
        git("init", "-q", "-b", "main", cwd=self.root)
        self.dver("init")
        for folder in ("data", "code"):
            (self.root / folder).mkdir()
            for number in range(files):
                (self.root / folder / str(number)).write_text(f"{folder} {number}\n")
        (self.root / "dver.yaml").write_text(STAGES)
        (self.root / "params.yaml").write_text("number: 0\n")
        self.dver("add", "data")
        git("add", "-A", cwd=self.root)
        git("commit", "-qm", "Stages", cwd=self.root)
        (self.root / "code/0").write_text("edited before\n")
        self.dver("exp", "run", "--queue", "-S", f"number=range({self.tasks})", "-n", "t")

    def dver(self, *arguments: str) -> None:
        """Run dver."""
        command = [sys.executable, "-m", "dver", *arguments]
        done = subprocess.run(command, cwd=self.root, env=self.env, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    def run(self, *, jobs: int, pause: float, most_kills: int | None = None, kills_of_supervisors: int = 20) -> None:
        """Work the queue off with `jobs` workers. About every `pause` seconds, one is killed, and the user acts.

        One of `kills_of_supervisors` kills also kills the supervisor.
        """
        before = self._state()
        self._start(jobs)
        while self._goes_on(jobs):
            time.sleep(self._random.uniform(0, 2 * pause))
            assert self._state() == before, "a run changed the workspace"
            self.checks += 1
            if most_kills is None or self.kills < most_kills:
                self._kill(kills_of_supervisors)
            self._act()
            before = self._state()
        assert self._state() == before

    def problems(self) -> list[str]:
        """What is not as it has to be: each task recorded once, with its log and its own results."""
        with Repository.open(self.root) as repo, Journal(repo) as journal:
            ends = Counter(one.id for one in self._records(repo) if one.status.is_final)
            found = [one for one in journal.all() if one.task]
            problems = [f"{len(found)} tasks instead of {self.tasks}"] * (len(found) != self.tasks)
            for one in found:
                if ends[one.id] != 1:
                    problems.append(f"{one.name} was recorded {ends[one.id]} times")
                if not log_path(journal.directory, one.id).exists() or not journal.log_tail(one.id):
                    problems.append(f"{one.name} has no log")
                problems += self._wrong_results(one)
        if (listed := git("worktree", "list", cwd=self.root).splitlines())[1:]:
            problems.append(f"worktrees are left: {listed[1:]}")
        return problems

    def statuses(self) -> Counter[str]:
        """The number of tasks by status."""
        with Repository.open(self.root) as repo, Journal(repo) as journal:
            return Counter(one.status.value for one in journal.all() if one.task)

    def attempts(self) -> int:
        """The number of attempts beyond the first of all tasks."""
        with Repository.open(self.root) as repo, Journal(repo) as journal:
            return sum(one.attempt - 1 for one in journal.all())

    def _wrong_results(self, one: Experiment) -> list[str]:
        if one.status is not ExperimentStatus.DONE:
            return [] if one.attempt == 3 else [f"{one.name} {one.status.value}: {one.error}"]
        number = int(one.set[0].rpartition("=")[2])
        is_right = one.metrics == {"score.yaml": {"acc": number}}
        code = git("show", f"{one.commit}:code/0", cwd=self.root)
        if not is_right or code != "edited before\n":
            return [f"{one.name} has the results {one.metrics} and the code {code!r}"]
        return []

    def _records(self, repo: Repository) -> list[Experiment]:
        (tip,) = journal_tips(repo.git, PREFIX).values()
        return [
            record for _, message in read_entries(repo.git, tip, largest=MAX_SIZE) for record in decode_entry(message)
        ]

    def _start(self, jobs: int) -> None:
        self._supervisor = subprocess.Popen(
            [sys.executable, "-m", "dver", "queue", "start", "-j", str(jobs)],
            cwd=self.root,
            env=self.env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def _goes_on(self, jobs: int) -> bool:
        """Whether tasks are left; starts another supervisor after one was killed.

        Workers of a killed supervisor finish their tasks, and the next supervisor does not wait for them. The task of
        one that is killed last of all is in the queue again.
        """
        assert self._supervisor is not None
        if self._supervisor.poll() is None:
            return True
        if self._supervisor.returncode == -signal.SIGKILL or (self.supervisor_kills and self.statuses()["queued"]):
            self._start(jobs)
            return True
        assert self._supervisor.returncode in (0, 10), self._supervisor.returncode
        return False

    def _kill(self, kills_of_supervisors: int) -> None:
        living = self._living()
        workers = [one for one in living if one.supervisor is not None]
        if not workers:
            return
        os.kill(self._random.choice(workers).pid, signal.SIGKILL)
        self.kills += 1
        if self.kills % kills_of_supervisors == 0 and self._supervisor is not None:
            self._supervisor.kill()
            self._supervisor.wait()
            self.supervisor_kills += 1

    def _living(self) -> list[QueueProcess]:
        return living_processes(self.root / ".git/dver/experiments")

    def _act(self) -> None:
        """What the user does in the workspace meanwhile."""
        self._actions += 1
        (self.root / "code/0").write_text(f"edited {self._actions}\n")
        match self._actions % 4:
            case 1:
                git("commit", "-qam", f"Edit {self._actions}", cwd=self.root)
            case 2:
                git("checkout", "-q", "-b", f"branch-{self._actions}", cwd=self.root)
            case 3:
                git("commit", "-q", "--amend", "-am", "Amended", cwd=self.root)

    def _state(self) -> str:
        """A hash of all files of the workspace, of the index, and of HEAD."""
        found = hashlib.sha256()
        for folder, folders, names in os.walk(self.root):
            if Path(folder) == self.root:
                folders.remove(".git")
            for name in sorted(names):
                path = Path(folder, name)
                found.update(os.fsencode(path) + path.read_bytes())
        for name in ("index", "HEAD"):
            found.update((self.root / ".git" / name).read_bytes())
        return found.hexdigest()

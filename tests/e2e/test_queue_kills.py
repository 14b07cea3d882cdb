"""Killed workers, a killed supervisor, and a full disk: each task is recorded once, or is in the queue again."""

from __future__ import annotations

from pathlib import Path

from queuekills import KilledQueue
from smalldisk import small_disk


def test_tasks_of_killed_workers_are_recorded_once_with_their_logs(tmp_path: Path) -> None:
    queue = KilledQueue(tmp_path / "repo", tasks=16)
    queue.make()
    queue.run(jobs=3, pause=0.3, most_kills=6, kills_of_supervisors=2)
    assert queue.kills >= 2
    assert queue.supervisor_kills >= 1
    assert queue.problems() == []
    assert queue.statuses().total() == 16


def test_a_full_disk_leaves_tasks_in_the_queue(tmp_path: Path) -> None:
    with small_disk(tmp_path, "tmpfs") as disk:
        repo = disk.root / "repo"
        script = """\
            git init -q . && mkdir code && echo 1 > code/0 && echo 'number: 0' > params.yaml
            cat > dver.yaml <<'END'
stages:
  train: {cmd: "echo training; echo ${number} > model", deps: [code], params: [number], outs: [model]}
END
        """
        disk.run("mkdir", repo)
        disk.run("sh", "-ec", script, cwd=repo)
        disk.dver("init", cwd=repo)
        disk.run("sh", "-ec", "git add -A && git commit -qm Stages", cwd=repo)
        disk.dver("exp", "run", "--queue", "-S", "number=1,2,3", cwd=repo)
        disk.fill()
        full = disk.dver("queue", "start", "-j", "2", cwd=repo, rc=8)
        assert "disk is full" in full.err
        assert "3 queued" in disk.dver("queue", "status", cwd=repo).out
        disk.run("rm", disk.root / "fill")
        done = disk.dver("queue", "start", "-j", "2", cwd=repo)
        assert "3 experiments ended: 3 done" in done.out
        assert "training" in disk.run("sh", "-c", "cat .git/dver/experiments/logs/*", cwd=repo).out

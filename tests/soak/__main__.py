"""Clones push different data at once to one S3 server, while another runs gc on that remote in a loop.

After each round: what was pushed can be pulled by a fresh clone, to the byte, and fsck finds nothing on the remote.

    PYTHONPATH=tests python -m soak                      200 rounds of ten clones
    PYTHONPATH=tests python -m soak --rounds 5 --seed 7  the rounds that seed 7 makes; --first 3 begins with the third
"""

from __future__ import annotations

import argparse
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from environment import use_environment
from servers import S3Server, serve_rclone
from support import Result, git, make_git_repo, run_dver
from workspaces import listing, write

SMALL = 40
"""Files that a clone changes in a round, at most."""
PATIENCE = 20
"""How often a gc may refuse after everybody has pushed."""


class Broken(Exception):
    """Something was lost, or refused that should not be."""


@dataclass
class Soak:
    """One Git repository, its clones, and the S3 remote that they share."""

    folder: Path
    server: S3Server
    clones: int
    seed: int

    def begin(self) -> None:
        """A project whose data all clones have."""
        origin = make_git_repo(self.folder / "origin")
        self._dver(origin, "init")
        self._dver(origin, "remote", "add", "-d", "s3", f"s3://{self.server.bucket}/soak-{self.seed}")
        self._dver(origin, "remote", "set", "s3", "endpoint_url", self.server.endpoint_url)
        write(origin, {f"data/common/{number}": b"%d\n" % number * 50 for number in range(30)})
        self._dver(origin, "add", "data")
        git("commit", "--quiet", "-am", "Begin", cwd=origin)
        self._dver(origin, "push")
        git("config", "receive.denyCurrentBranch", "ignore", cwd=origin)
        for name in (*map(self._name, range(self.clones)), "collector"):
            git("clone", "--quiet", origin, self.folder / name, cwd=self.folder)
            self._dver(self.folder / name, "pull")

    def round(self, number: int) -> str:
        """All push at once while the collector collects; then everything is looked at. A line about what happened."""
        start = time.monotonic()
        stop = Event()
        with ThreadPoolExecutor(self.clones + 1) as pool:
            collector = pool.submit(self._collect, stop)
            try:
                sizes = list(pool.map(lambda which: self._push(number, which), range(self.clones)))
            finally:
                stop.set()
            collected = collector.result()
        pushed = time.monotonic() - start
        self._see_that_all_is_there(number)
        took = time.monotonic() - start
        what = f"{sum(sizes) / 1e6:.1f} MB pushed beside {collected} gcs"
        return f"{what} in {pushed:.1f} s, checked in {took - pushed:.1f} s"

    # -- what clones do

    def _push(self, number: int, which: int) -> int:
        """Change data as the seed says, on a branch of the clone's own, and push."""
        made = random.Random(f"{self.seed}/{number}/{which}")
        repo = self.folder / self._name(which)
        changed = {f"data/{which}/{made.randrange(100)}": made.randbytes(made.randrange(1, 3000)) for _ in range(SMALL)}
        if made.random() < 0.3:
            changed[f"data/{which}/large"] = made.randbytes(made.randrange(1_200_000, 4_000_000))
        if made.random() < 0.3:
            changed[f"data/same-{number}"] = random.Random(number).randbytes(5000)  # others may make it, too
        write(repo, changed)
        if made.random() < 0.2:  # this time it is a branch of its own that drops what was there before
            shutil.rmtree(repo / "data" / "common", ignore_errors=True)
        self._dver(repo, "add", "data")
        git("commit", "--quiet", "-m", f"Round {number}", cwd=repo)
        if made.random() < 0.2:  # an amended commit: what only the first one needed is garbage
            write(repo, {f"data/{which}/last": made.randbytes(2000)})
            self._dver(repo, "add", "data")
            git("commit", "--quiet", "--amend", "--no-edit", cwd=repo)
        # With no grace, only a commit that the collector can know of protects its data: so commits go first here. Who
        # pushes data first, as the hook does, is protected by the grace period.
        git("push", "--quiet", "--force", "origin", f"HEAD:refs/heads/{self._name(which)}", cwd=repo)
        self._dver(repo, "push")
        return sum(map(len, changed.values()))

    def _collect(self, stop: Event) -> int:
        """Collect on the remote, with no grace at all, until everybody has pushed; how often."""
        repo = self.folder / "collector"
        done = refused = 0
        while not stop.is_set() or not done:
            git("fetch", "--quiet", "--prune", "origin", cwd=repo)
            # It refuses while a commit is there whose data is not yet, and while it lacks commits.
            ended = self._dver(repo, "gc", "--remote", "s3", "--grace", "0d", allowed=(0, 3, 5))
            done += ended.rc == 0
            refused = 0 if ended.rc == 0 else refused + stop.is_set()
            if refused > PATIENCE:
                raise Broken(f"gc goes on refusing: {ended}")
        return done

    # -- what must hold

    def _see_that_all_is_there(self, number: int) -> None:
        repo = self.folder / "fresh"
        git("clone", "--quiet", self.folder / "origin", repo, cwd=self.folder)
        for which in range(self.clones):
            git("checkout", "--quiet", f"origin/{self._name(which)}", cwd=repo)
            self._dver(repo, "pull")
            mine, theirs = listing(repo / "data"), listing(self.folder / self._name(which) / "data")
            if mine != theirs:
                raise Broken(f"round {number}: what {self._name(which)} has pushed is not what came: {mine ^ theirs}")
        self._dver(repo, "fsck")
        self._dver(repo, "fsck", "--remote", "s3")
        shutil.rmtree(repo)

    def _dver(self, repo: Path, *args: str, allowed: Sequence[int] = (0,)) -> Result:
        ended = run_dver(*args, cwd=repo, rc=None, env=self.server.credentials())
        if ended.rc not in allowed:
            raise Broken(f"dver {' '.join(args)} in {repo}: {ended}")
        return ended

    @staticmethod
    def _name(which: int) -> str:
        return f"clone-{which}"


def soak(folder: Path, server: S3Server, *, clones: int, rounds: range, seed: int) -> None:
    """Do `rounds`, numbered, with what `seed` makes of them. Raises Broken."""
    run = Soak(folder, server, clones, seed)
    run.begin()
    for number in rounds:
        print(f"round {number}: {run.round(number)}", flush=True)


def main(arguments: Sequence[str]) -> int:
    """Run; the exit code is 1 if something broke."""
    parser = argparse.ArgumentParser(prog="soak", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--first", type=int, default=1, help="begin with this round")
    parser.add_argument("--clones", type=int, default=10)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    parser.add_argument("--keep", action="store_true", help="keep the folder if something broke")
    options = parser.parse_args(arguments)
    folder = Path(tempfile.mkdtemp(prefix="dver-soak-"))
    use_environment(folder)
    rounds = range(options.first, options.first + options.rounds)
    print(f"seed {options.seed}: again by --seed {options.seed} --first N", flush=True)
    try:
        with serve_rclone(folder / "server") as server:
            soak(folder, server, clones=options.clones, rounds=rounds, seed=options.seed)
    except (Broken, AssertionError, subprocess.SubprocessError) as error:
        print(f"BROKEN with seed {options.seed}: {error}")
        if options.keep:
            print(f"see {folder}")
        else:
            shutil.rmtree(folder)
        return 1
    shutil.rmtree(folder)
    print(f"{options.rounds} rounds of {options.clones} clones: nothing was lost")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

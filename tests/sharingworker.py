"""A process that saves or shares experiments of a clone until it is killed: `python sharingworker.py ROLE CLONE NAME`.

The role `save` prints the id of each experiment once it is recorded. The role `share` pushes and fetches, removes every
fourth experiment, and compacts the journal.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from clones import Clone

from dver.experiments.journal import Journal
from dver.experiments.sharing.changes import remove
from dver.experiments.sharing.compaction import compact_local
from dver.experiments.sharing.request import parse_request
from dver.ops.exp.fetch import exp_fetch
from dver.ops.exp.push import exp_push
from dver.repo import Repository

DROPPED = "-dropped"
"""How the names of experiments end that are removed."""


def say(line: str) -> None:
    os.write(1, f"{line}\n".encode())


def save(clone: Clone, prefix: str) -> None:
    for number in range(1_000_000):
        ending = DROPPED if number % 4 == 3 else ""
        say(clone.save(f"{prefix}-{number}{ending}").id)


def share(clone: Clone, _prefix: str) -> None:
    while True:
        with Repository.open(clone.root) as repo:
            request = parse_request(repo.git, ["origin"], everything=True)
            exp_push(repo, request)
            exp_fetch(repo, request)
            with Journal(repo) as journal:
                remove(journal, [one for one in journal.all() if one.name.endswith(DROPPED) and journal.is_own(one)])
                compact_local(repo.git, journal, before=time.time_ns())
        say("shared")


if __name__ == "__main__":
    os.fsync = lambda fd: None  # type: ignore[assignment]  # tests do not cut the power
    role, root, name = sys.argv[1:]
    {"save": save, "share": share}[role](Clone(Path(root)), name)

"""A queue of 1,000 experiments with 8 workers, which are killed at random, while the user works in the workspace.

    python bench/queue_kills.py FOLDER [--tasks 1000] [--jobs 8] [--pause 0.5] [--files 200]

Works in a new directory below FOLDER and deletes it. Checks that each experiment is recorded exactly once, with its log
and its own results, that the runs never change the workspace, and that no worktree is left. Exits with 1 otherwise.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent.parent / "tests")]

from queuekills import KilledQueue  # noqa: E402 - it is the tests' own


def main() -> int:
    """Run the queue; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tasks", type=int, default=1000)
    parser.add_argument("--jobs", type=int, default=8)
    parser.add_argument("--pause", type=float, default=0.5, help="seconds between two kills, on average")
    parser.add_argument("--files", type=int, default=200, help="files of code, and as many of data")
    args = parser.parse_args()
    work = args.folder / "queue-kills"
    shutil.rmtree(work, ignore_errors=True)
    os.environ.update(
        GIT_AUTHOR_NAME="Bench", GIT_AUTHOR_EMAIL="b@example.org", GIT_COMMITTER_NAME="Bench",
        GIT_COMMITTER_EMAIL="b@example.org", GIT_CONFIG_GLOBAL=os.devnull,
    )  # fmt: skip
    queue = KilledQueue(work / "repo", args.tasks)
    begun = time.monotonic()
    queue.make(files=args.files)
    queued = time.monotonic()
    queue.run(jobs=args.jobs, pause=args.pause)
    ended = time.monotonic()
    problems = queue.problems()
    print(f"| tasks | {args.tasks:,}: {dict(queue.statuses())} |")
    print(f"| to make and queue | {queued - begun:.1f} s |")
    print(f"| to run | {ended - queued:.1f} s, {(ended - queued) / args.tasks * 1000:.0f} ms each |")
    killed = f"{queue.kills}, and {queue.supervisor_kills} supervisors; {queue.attempts()} tasks tried again"
    print(f"| workers killed | {killed} |")
    print(f"| checks of the workspace | {queue.checks} |")
    print(f"| problems | {len(problems)} |")
    for one in problems[:20]:
        print(one)
    shutil.rmtree(work, ignore_errors=True)
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())

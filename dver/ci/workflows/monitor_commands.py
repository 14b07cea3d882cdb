"""The commands of a job that runs monitors and pushes their histories."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from dver.core.phrasing import quoted

PAGES: Final = "dver-monitor"
"""The directory for pages, in the project's directory."""


@dataclass(frozen=True, slots=True)
class MonitorJob:
    """A monitor that a job runs. Paths are relative to the project's directory, and safe in a workflow."""

    name: str
    live: tuple[str, ...]
    pulled: tuple[str, ...] = ()
    """The live data that dver tracks. Other live data is in Git."""


def monitor_commands(monitors: Sequence[MonitorJob]) -> tuple[str, ...]:
    """The commands that run `monitors`, all of them also after an alarm. They set `alarm` and `failed`.

    `dver monitor` exits with 1 after an alarm and after some errors. It runs the command of `--on-alarm` after an alarm
    only, so a file that the command writes tells the two apart.
    """
    pulled = sorted({path for one in monitors for path in one.pulled})
    return (
        *_download(pulled),
        f"mkdir -p {PAGES}",
        "alarm=no failed=no alarm_file=$(mktemp)",
        "run() {",
        '  : > "$alarm_file"',
        '  "$@" --on-alarm "echo alarm > \'$alarm_file\'" && return',
        '  if [ $? = 1 ] && [ -s "$alarm_file" ]; then alarm=yes; else failed=yes; fi',
        "}",
        *(
            f"run dver monitor compare {_paths(one.live)} --name {one.name} --html {PAGES}/{one.name}.html"
            for one in monitors
        ),
    )


def _download(pulled: Sequence[str]) -> tuple[str, ...]:
    """Download profiles of references, also those of registered models; and tracked live data.

    The exit code 5 is accepted: some data without a profile. A monitor that needs it fails.
    """
    profiles = tuple(f"dver fetch --profiles{tags} || [ $? = 5 ]" for tags in ("", " --all-tags"))
    return (*profiles, "dver update", f"dver pull -- {_paths(pulled)}") if pulled else profiles


def _paths(paths: Sequence[str]) -> str:
    return " ".join(quoted(one) for one in paths)


def push_commands(branch: str, options: str = "") -> tuple[str, ...]:
    """The commands that push new windows to `branch`, a variable of the shell.

    Another job may push at the same time: then Git merges both histories by lines, and the push is repeated.
    """
    push = " ".join(filter(None, ("git push --quiet", options, f'origin "HEAD:refs/heads/{branch}"')))
    return (
        "if ! git diff --cached --quiet -- dver.monitor; then",
        '  git commit --quiet --message "Monitor live data" -- dver.monitor',
        "  pushed=no",
        "  for _ in 1 2 3 4 5; do",
        f"    if {push}; then pushed=yes; break; fi",
        f'    git fetch --quiet origin "{branch}" || break',
        "    git rebase --quiet --autostash FETCH_HEAD || break",
        "  done",
        '  if [ "$pushed" = no ]; then failed=yes; fi',
        "fi",
    )

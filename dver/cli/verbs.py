"""The table of verbs: sections, order and summaries. `dver --help` prints it without importing any command."""

from __future__ import annotations

from typing import Final

SECTIONS: Final[dict[str, dict[str, str]]] = {
    "Track data": {
        "init": "Create a dver project in a Git repository.",
        "add": "Store files and directories and write their pointers.",
        "remove": "Stop tracking data.",
        "move": "Move or rename tracked data.",
        "checkout": "Check out data for the current pointers or a revision.",
        "resolve": "Resolve merge conflicts in tracked data.",
        "unlock": "Replace linked files with writable copies.",
    },
    "Inspect data": {
        "status": "Show changed data and stages that are out of date.",
        "diff": "Compare two versions of tracked data file by file.",
        "ls": "List tracked data.",
        "cat": "Print a tracked file.",
    },
    "Share data": {
        "remote": "Manage remotes.",
        "push": "Upload data to a remote.",
        "fetch": "Download data into the store without checking it out.",
        "pull": "Download data and check it out.",
        "import": "Track a copy of data of another repository.",
        "get": "Download files of a repository without cloning it.",
        "list": "List the files of a repository without cloning it.",
        "import-url": "Track a copy of the files at a URL.",
        "update": "Download what changed at the sources of imports.",
    },
    "Check and monitor data": {
        "profile": "Show types, ranges and frequent values of data.",
        "check": "Check data against rules, and that it is available.",
        "checks": "Write rules for data.",
        "monitor": "Compare live data with a reference, and show the history.",
        "retrain": "Train a model on new data, and promote it by a rule.",
    },
    "Run pipelines": {
        "stage": "Add, list and remove stages.",
        "repro": "Run stages that are out of date.",
        "dag": "Draw the graph of stages.",
        "logs": "Print the output of a stage's run.",
        "commit": "Record current outputs in dver.lock without running stages.",
        "freeze": "Freeze stages so that repro skips them.",
        "unfreeze": "Unfreeze stages so that repro runs them again.",
        "lineage": "Show how an output was produced.",
        "verify": "Re-run a stage in a clean worktree and compare its outputs.",
    },
    "Run experiments": {
        "exp": "Run, compare, apply and share experiments.",
        "queue": "Run queued experiments, each in a working tree of its own.",
    },
    "Compare runs": {
        "params": "Show parameters and compare them between revisions.",
        "metrics": "Show metrics and compare them between revisions.",
        "plots": "Draw plots and compare them between revisions.",
    },
    "Review and release": {
        "report": "Report what a branch changes, for a pull request.",
        "model": "Register models, assign stages and export packages.",
        "ci": "Write CI workflows.",
    },
    "Set up": {
        "install": "Install Git hooks and merge drivers.",
        "uninstall": "Remove dver's hooks and drivers.",
        "config": "Read and change settings.",
    },
    "Maintain": {
        "gc": "Remove unreferenced data.",
        "fsck": "Verify stored data and repair corrupt objects.",
        "cache": "List and clear your cache of data from remotes.",
        "doctor": "Check the installation, disk and project for problems.",
    },
    "Get help": {
        "completion": "Print the completion script for a shell.",
        "demo": "Run a complete example session in a new directory.",
        "help": "Show the help of a command.",
        "version": "Print the version.",
    },
}

SUMMARIES: Final[dict[str, str]] = {verb: text for verbs in SECTIONS.values() for verb, text in verbs.items()}

HIDDEN: Final = frozenset(("hook", "merge-driver", "diff-driver", "textconv"))
"""Verbs for Git hooks and drivers. The help does not list them."""

_PACKAGES: Final = {
    "Track data": "track",
    "Inspect data": "inspect",
    "Share data": "share",
    "Check and monitor data": "quality",
    "Run pipelines": "run",
    "Run experiments": "experiments",
    "Compare runs": "compare",
    "Review and release": "release",
    "Set up": "setup",
    "Maintain": "maintain",
    "Get help": "help",
}
"""The package below `dver.cli.commands` and `dver.ops` for each section."""

_MODULES: Final = {"import": "import_data"}
"""The modules of verbs that are words of Python."""


def module_of(verb: str) -> str:
    """The module with the command of `verb`."""
    section = next((section for section, verbs in SECTIONS.items() if verb in verbs), None)
    package = _PACKAGES[section] if section else "git"
    return f"dver.cli.commands.{package}.{_MODULES.get(verb, verb.replace('-', '_'))}"

"""The verbs, their order in the help, and their summaries: what `dver --help` says without importing any of them."""

from __future__ import annotations

from typing import Final

SECTIONS: Final[dict[str, dict[str, str]]] = {
    "Track data": {
        "init": "Turn a Git repository, or a folder of one, into a dver project.",
        "add": "Store files and directories, and write their pointers.",
        "remove": "Stop tracking data.",
        "move": "Move or rename tracked data.",
        "checkout": "Bring data to what the pointers, or a revision, say.",
        "resolve": "End conflicts of data that two branches changed.",
        "unlock": "Make linked files safe to edit.",
    },
    "Look at data": {
        "status": "Say what changed, and what to do about it.",
        "diff": "Compare two versions of the data, file by file.",
        "ls": "List tracked data, here or at a revision.",
        "cat": "Print a tracked file, here or at a revision.",
    },
    "Share data": {
        "remote": "Say where data is pushed to and pulled from.",
        "push": "Upload to the remote what it lacks.",
        "fetch": "Download into the store, leaving the workspace alone.",
        "pull": "Download, and check out.",
        "check": "Say whether all that a commit needs is there.",
    },
    "Run pipelines": {
        "stage": "Add stages to dver.yaml, list and remove them.",
        "repro": "Run the stages that are out of date.",
        "dag": "Draw how stages depend on each other.",
        "logs": "Print what a run of a stage wrote.",
        "commit": "Record what stages have made as it is, without running them.",
        "freeze": "Say of stages that they are not to be run.",
        "unfreeze": "Let frozen stages be run again.",
        "lineage": "Say from what an output was made.",
        "verify": "Run a stage again, apart, and compare.",
    },
    "Compare runs": {
        "params": "Show parameters, and compare those of two revisions.",
        "metrics": "Show and compare metrics of any revisions.",
        "plots": "Draw plots of any revisions.",
    },
    "Set up and get help": {
        "install": "Have Git run dver, so that data follows.",
        "uninstall": "Take back what install did.",
        "config": "Read and change settings.",
        "gc": "Remove data that no commit needs any more.",
        "fsck": "Verify every byte that is stored, and repair what is damaged.",
        "doctor": "Examine this installation, disk and project.",
        "completion": "Print the script that completes dver in your shell.",
        "demo": "Walk through a whole session in a new folder.",
        "help": "Show the help of a verb.",
        "version": "Print the version.",
    },
}

SUMMARIES: Final[dict[str, str]] = {verb: text for verbs in SECTIONS.values() for verb, text in verbs.items()}

HIDDEN: Final = frozenset(("hook", "merge-driver", "diff-driver", "textconv"))
"""Verbs that Git runs, not people: no help lists them."""

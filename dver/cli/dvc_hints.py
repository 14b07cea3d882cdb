"""Hints for verbs and options of DVC and git-lfs that dver does not have. docs/from-dvc.md has the same as a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_RECURSIVE: Final = "leave it out: a directory includes everything below it"
_GLOB: Final = "leave it out: your shell expands patterns, and `dver ls -R` lists what is tracked"
_BRANCHES: Final = {
    "-a": "use --all-branches",
    "-T": "use --all-tags",
    "-A": "use --all-commits",
}
_TRANSFER: Final = {
    **_BRANCHES,
    "-R": _RECURSIVE,
    "-d": "leave it out: without a path, the data of all stages is included",
    "--glob": _GLOB,
    "--no-run-cache": "leave it out: the run cache is only transferred whole with --run-cache",
}
_EVERY_COMMIT: Final = "leave it out: gc keeps the data of every commit, stash and worktree; see `dver gc --dry-run`"
_FROM_URL: Final = "download it with the tool of its storage, then `dver add PATH`"

VERBS: Final[Mapping[str, str]] = {
    "dver cache dir": "`dver config set cache.dir DIR` moves the store",
    "dver clone": "run `git clone`, then `dver install` and `dver pull` in the clone",
    "dver data": "use `dver status`",
    "dver du": "use `dver ls --size`",
    "dver experiments": "use `dver exp`",
    "dver get-url": _FROM_URL,
    "dver ls-files": "use `dver ls -R`",
    "dver mv": "use `dver move SOURCE DESTINATION`",
    "dver prune": "use `dver gc`",
    "dver rm": "use `dver remove PATH`",
    "dver root": "use `git rev-parse --show-toplevel`",
    "dver run": "add the stage with `dver stage add`, then run it with `dver repro`",
    "dver show": "use `dver cat PATH`",
    "dver track": "use `dver add PATH`",
    "dver unprotect": "use `dver unlock PATH`",
    "dver untrack": "use `dver remove PATH`",
    "dver remote modify": "use `dver remote set NAME KEY VALUE`",
}
"""The replacement for each verb that dver does not have."""

OPTIONS: Final[Mapping[str, Mapping[str, str]]] = {
    "dver add": {
        "--glob": "leave it out: your shell expands patterns",
        "--no-commit": "leave it out: data is always stored, and `dver gc` removes what nothing references",
        "--out": "copy the data into the project, then `dver add PATH`",
        "--to-remote": "run `dver add PATH`, then `dver push PATH`",
        "-R": _RECURSIVE,
    },
    "dver checkout": {
        "-R": _RECURSIVE,
        "-d": "leave it out: without a path, everything is checked out",
        "--summary": "leave it out: the summary is always printed",
        "--allow-missing": "leave it out: missing data is listed, and everything else is checked out",
    },
    "dver diff": {"--targets": "name the paths: `dver diff REV REV PATH`"},
    "dver fetch": _TRANSFER,
    "dver gc": {
        "-w": _EVERY_COMMIT,
        **dict.fromkeys(_BRANCHES, _EVERY_COMMIT),
        "--all-branches": _EVERY_COMMIT,
        "--all-tags": _EVERY_COMMIT,
        "--all-commits": _EVERY_COMMIT,
        "-c": "`dver gc --remote origin` collects on the remote",
        "-f": "leave it out: gc does not ask, and `dver gc --restore` brings back what it moved to the trash",
        "-p": "leave it out: gc asks all clones that share the store",
    },
    "dver init": {
        "--no-scm": "run `git init` first: dver keeps versions in Git",
        "--subdir": "leave it out: run it in the subdirectory",
    },
    "dver ls": {"--dvc-only": "leave it out: only data that dver tracks is listed"},
    "dver pull": {**_TRANSFER, "--allow-missing": "leave it out: missing data is listed, and the rest is pulled"},
    "dver push": _TRANSFER,
    "dver remove": {"--outs": "use --data"},
    "dver repro": {
        "-p": "leave it out: a stage is run after all that it depends on; `--downstream` runs what depends on it",
        "-P": "leave it out: `dver repro` without a target runs the stages of every dver.yaml",
        "-R": _RECURSIVE,
        "--dry": "use --dry-run, or -n",
        "--force-downstream": "name the stage, with --force and --downstream",
        "--ignore-errors": "use --keep-going, which runs all stages that do not depend on the failed one",
        "--glob": "name the foreach or matrix for all its stages; `dver stage list --names-only` lists names",
        "--no-commit": "leave it out: outputs are always stored, and `dver gc` removes what nothing references",
        "--allow-missing": "leave it out, or give --pull, which downloads what is missing",
    },
    "dver dag": {
        "--md": "use --mermaid; put its output between ```mermaid and ```",
        "-o": "use --outs",
        "--collapse-foreach-matrix": "leave it out: they are one box without --full",
    },
    "dver stage list": {
        "--all": "leave it out: without a target the stages of every dver.yaml are listed",
        "-R": _RECURSIVE,
        "--name-only": "use --names-only",
        "--fail": "leave it out: an invalid dver.yaml is always an error",
    },
    "dver stage add": {
        "--run": "add it, then run it: `dver repro NAME`",
        "-c": "use --outs-persist",
        "--no-exec": "leave it out: nothing is run",
    },
    "dver status": {
        "-R": _RECURSIVE,
        "-c": "use `dver status --remote`",
        **dict.fromkeys(_BRANCHES, "`dver check --all-commits --remote` checks the data of every commit"),
    },
    "dver metrics show": {"-R": _RECURSIVE},
    "dver metrics diff": {
        "-R": _RECURSIVE,
        "--a-rev": "name it: `dver metrics diff REV`",
        "--b-rev": "name both: `dver metrics diff REV REV`",
    },
    "dver plots show": {"--html-template": "leave it out: `--json` prints the charts for a page of your own"},
    "dver plots diff": {"--html-template": "leave it out: `--json` prints the charts for a page of your own"},
    "dver commit": {"-R": _RECURSIVE},
}
"""The replacement for each option that a verb does not have."""

_LONG: Final = {
    "--all-pipelines": "-P",
    "--cloud": "-c",
    "--pipeline": "-p",
    "--projects": "-p",
    "--recursive": "-R",
    "--with-deps": "-d",
    "--workspace": "-w",
}


def for_option(verb: str, option: str) -> str | None:
    """The replacement for `option`, which `verb` (such as `dver repro`) does not have."""
    found = OPTIONS.get(verb, {})
    return found.get(option) or found.get(_LONG.get(option, ""))

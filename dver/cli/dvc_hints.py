"""Verbs and options that users of DVC and git-lfs know, and what to type in dver."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_RECURSIVE: Final = "leave it out: a directory means everything below it"
_GLOB: Final = "leave it out: your shell expands patterns, and `dver ls -R` lists what is tracked"
_BRANCHES: Final = {
    "-a": "it is called --all-branches",
    "-T": "it is called --all-tags",
    "-A": "it is called --all-commits",
}
_TRANSFER: Final = {
    **_BRANCHES,
    "-R": _RECURSIVE,
    "-d": "leave it out: without a path, the data of all stages is meant",
    "--glob": _GLOB,
    "--no-run-cache": "leave it out: the run cache is only transferred whole with --run-cache",
}
_EVERY_COMMIT: Final = "leave it out: gc keeps the data of every commit, stash and worktree; see `dver gc --dry-run`"
_EXPERIMENTS: Final = "use a branch for each: `git switch -c NAME`, `dver repro`, then `dver metrics diff main`"
_OTHER_REPOSITORY: Final = "clone that repository, and run `dver pull PATH` in the clone"
_FROM_URL: Final = "download it with the tool of its storage, then `dver add PATH`"

VERBS: Final[Mapping[str, str]] = {
    "dver cache": "`dver config set cache.dir DIR` moves the store",
    "dver clone": "run `git clone`, then `dver install` and `dver pull` in the clone",
    "dver data": "it is called `dver status`",
    "dver du": "it is called `dver ls --size`",
    "dver exp": _EXPERIMENTS,
    "dver experiments": _EXPERIMENTS,
    "dver get": _OTHER_REPOSITORY,
    "dver get-url": _FROM_URL,
    "dver import": _OTHER_REPOSITORY,
    "dver import-url": _FROM_URL,
    "dver list": "it is called `dver ls`",
    "dver ls-files": "it is called `dver ls -R`",
    "dver mv": "it is called `dver move SOURCE DESTINATION`",
    "dver prune": "it is called `dver gc`",
    "dver queue": _EXPERIMENTS,
    "dver rm": "it is called `dver remove PATH`",
    "dver root": "use `git rev-parse --show-toplevel`",
    "dver run": "describe the stage with `dver stage add`, then `dver repro` runs it",
    "dver show": "it is called `dver cat PATH`",
    "dver track": "it is called `dver add PATH`",
    "dver unprotect": "it is called `dver unlock PATH`",
    "dver untrack": "it is called `dver remove PATH`",
    "dver update": "`dver pull` brings what the current commit needs",
    "dver remote modify": "it is called `dver remote set NAME KEY VALUE`",
}
"""What to type instead of a verb that dver does not have."""

OPTIONS: Final[Mapping[str, Mapping[str, str]]] = {
    "dver add": {
        "--glob": "leave it out: your shell expands patterns",
        "--no-commit": "leave it out: data is always stored, and `dver gc` removes what nothing references",
        "--out": "copy the data to its place, then `dver add PATH`",
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
    "dver remove": {"--outs": "it is called --data"},
    "dver repro": {
        "-p": "leave it out: a stage is run after all that it depends on; `--downstream` runs what depends on it",
        "-P": "leave it out: `dver repro` without a target means the stages of every dver.yaml",
        "-R": _RECURSIVE,
        "--dry": "it is called --dry-run, or -n",
        "--force-downstream": "name the stage, with --force and --downstream",
        "--ignore-errors": "--keep-going runs all that does not depend on a stage that failed",
        "--glob": "name the foreach or matrix, which means all its stages; `dver stage list --names-only` lists names",
        "--no-commit": "leave it out: outputs are always stored, and `dver gc` removes what nothing references",
        "--allow-missing": "leave it out, or give --pull, which downloads what is missing",
    },
    "dver dag": {
        "--md": "it is called --mermaid; put what it prints between ```mermaid and ```",
        "-o": "it is called --outs",
        "--collapse-foreach-matrix": "leave it out: they are one box, unless --full",
    },
    "dver stage list": {
        "--all": "leave it out: without a target the stages of every dver.yaml are listed",
        "-R": _RECURSIVE,
        "--name-only": "it is called --names-only",
        "--fail": "leave it out: a mistake in a dver.yaml is always an error",
    },
    "dver stage add": {
        "--run": "add it, then run it: `dver repro NAME`",
        "-c": "it is called --outs-persist",
        "--no-exec": "leave it out: nothing is run",
    },
    "dver status": {
        "-R": _RECURSIVE,
        "-c": "it is called `dver status --remote`",
        **dict.fromkeys(_BRANCHES, "`dver check --all-commits --remote` checks the data of every commit"),
    },
    "dver metrics show": {"-R": _RECURSIVE},
    "dver metrics diff": {
        "-R": _RECURSIVE,
        "--a-rev": "name it: `dver metrics diff REV`",
        "--b-rev": "name both: `dver metrics diff REV REV`",
    },
    "dver plots show": {"--html-template": "leave it out: `--json` prints what can be put into a page of your own"},
    "dver plots diff": {"--html-template": "leave it out: `--json` prints what can be put into a page of your own"},
    "dver commit": {"-R": _RECURSIVE},
}
"""What to type instead of an option that a verb does not have."""

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
    """What to type instead of `option`, which `verb` (`dver repro`) does not have."""
    found = OPTIONS.get(verb, {})
    return found.get(option) or found.get(_LONG.get(option, ""))

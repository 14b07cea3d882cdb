"""Hints for verbs and options of DVC, GTO and git-lfs that dver does not have.

docs/from-dvc.md has the same as a table.
"""

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
    "dver artifacts": "use `dver model get URL NAME`",
    "dver assign": "use `dver model assign NAME STAGE`",
    "dver cache dir": "`dver config set cache.dir DIR` moves the store",
    "dver clone": "run `git clone`, then `dver install` and `dver pull` in the clone",
    "dver check-ref": "use `dver model history NAME`",
    "dver data": "use `dver status`",
    "dver deprecate": "use `dver model deprecate NAME`",
    "dver describe": "use `dver model show NAME`",
    "dver du": "use `dver ls --size`",
    "dver experiments": "use `dver exp`",
    "dver exp clean": "leave it out: a run that was killed leaves nothing behind that hides others",
    "dver exp gc": "use `dver exp prune`, or `dver exp remove`",
    "dver exp init": "add the stage with `dver stage add`",
    "dver exp ls": "use `dver exp list`",
    "dver queue kill": "use `dver queue stop --kill`, then `dver queue retry` for those that should go on",
    "dver get-url": _FROM_URL,
    "dver history": "use `dver model history NAME`",
    "dver ls-files": "use `dver ls -R`",
    "dver mv": "use `dver move SOURCE DESTINATION`",
    "dver prune": "use `dver gc`",
    "dver register": "use `dver model register NAME`",
    "dver rm": "use `dver remove PATH`",
    "dver root": "use `git rev-parse --show-toplevel`",
    "dver run": "add the stage with `dver stage add`, then run it with `dver repro`",
    "dver show": "use `dver cat PATH`",
    "dver stages": "use `dver model show NAME`",
    "dver track": "use `dver add PATH`",
    "dver unprotect": "use `dver unlock PATH`",
    "dver untrack": "use `dver remove PATH`",
    "dver remote modify": "use `dver remote set NAME KEY VALUE`",
}
"""The replacement for each verb that dver does not have."""

_REPRO: Final = {
    "-p": "leave it out: a stage is run after all that it depends on; `--downstream` runs what depends on it",
    "-P": "leave it out: `dver repro` without a target runs the stages of every dver.yaml",
    "-R": _RECURSIVE,
    "--force-downstream": "name the stage, with --force and --downstream",
    "--ignore-errors": "use --keep-going, which runs all stages that do not depend on the failed one",
    "--glob": "name the foreach or matrix for all its stages; `dver stage list --names-only` lists names",
    "--no-commit": "leave it out: outputs are always stored, and `dver gc` removes what nothing references",
    "--allow-missing": "leave it out, or give --pull, which downloads what is missing",
}
_UNTRACKED: Final = "leave it out: an experiment has all untracked files that Git does not ignore"
_ALL_PARAMS: Final = "leave it out: parameters that differ are shown"
_LISTED: Final = dict.fromkeys(
    ("--rev", "-n", "--num"), "leave it out: all experiments are listed; `dver exp show` selects"
)
_SHARED: Final = {
    "-A": "use --all",
    "--all-commits": "use --all",
    **dict.fromkeys(("--rev", "-n", "--num"), "name the experiments"),
    "-f": "leave it out: each clone has a journal of its own, and pushes never conflict",
    "--force": "leave it out: each clone has a journal of its own, and pushes never conflict",
    "--no-cache": "leave it out: data that is there already is not transferred",
    "--run-cache": "leave it out: the runs of the experiments are included",
    "--no-run-cache": "leave it out: the runs of the experiments are included",
}

_NO_REPOSITORY: Final = dict.fromkeys(("-r", "--repo"), "run it in a clone: `git clone --filter=blob:none URL`")
_SIMPLE: Final = "leave it out: tags have the names that GTO gives them by default"

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
    "dver repro": {**_REPRO, "--dry": "use --dry-run, or -n"},
    "dver exp run": {
        **_REPRO,
        "--dry": "`dver repro --dry-run` shows what would run",
        "-i": "run `dver repro -i`, then `dver exp save`",
        "--interactive": "run `dver repro -i`, then `dver exp save`",
        "--run-all": "run `dver queue start`",
        "-C": _UNTRACKED,
        "--copy-paths": _UNTRACKED,
        "--no-hydra": "leave it out: dver composes no Hydra configuration, and -S changes any file",
    },
    "dver exp save": {"-R": _RECURSIVE, "-I": _UNTRACKED, "--include-untracked": _UNTRACKED},
    "dver exp show": {
        **dict.fromkeys(("-a", "-T", "--all-branches", "--all-tags", "--all-commits"), "use -A"),
        "--sort-by": "use --sort",
        "--rev": "use --baseline",
        "--num": "use --baseline REV, which is repeatable",
        "--no-pager": "leave it out: there is no pager",
        "--param-deps": _ALL_PARAMS,
        "--sha": "use --json or --csv, which have ids of commits",
        "--hide-failed": "use --filter 'status != \"failed\"'",
        "--hide-queued": "use --filter 'status != \"queued\"'",
        "--hide-workspace": "use --csv, which has experiments only",
        "--force": "leave it out: what is shown is never out of date",
    },
    "dver exp list": {
        **_LISTED,
        "-A": "leave it out: all experiments are listed",
        "--all-commits": "leave it out: all experiments are listed",
        "--name-only": "use --names-only",
        "--sha-only": "use --json",
    },
    "dver exp diff": {"--param-deps": _ALL_PARAMS, "--all": "use `dver exp show --all-params`"},
    "dver exp apply": {"--no-force": "leave it out: unsaved work is saved first, and `dver exp undo` brings it back"},
    "dver exp push": _SHARED,
    "dver exp pull": _SHARED,
    "dver exp rename": {
        "-g": "leave it out: the next `dver exp push` publishes the name",
        "--git-remote": "leave it out: the next `dver exp push` publishes the name",
    },
    "dver exp remove": {
        "-A": "use --all",
        "--all-commits": "use --all",
        "--queue": "use --queued",
        "--keep": "use `dver exp prune --keep-best N --metric KEY`",
        "-g": "leave it out: the next `dver exp push` publishes the removal",
        "--git-remote": "leave it out: the next `dver exp push` publishes the removal",
    },
    "dver queue remove": {"--success": "use `dver exp remove NAME`: the queue does not keep what succeeded"},
    "dver queue logs": {"-e": "leave it out: logs are printed as they are"},
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
        **dict.fromkeys(_BRANCHES, "`dver check available --all-commits --remote` checks the data of every commit"),
    },
    "dver model assign": {
        **_NO_REPOSITORY,
        "--stage": "name it: `dver model assign NAME STAGE`",
        "--version": "name it: `dver model assign NAME STAGE VERSION`",
        "--simple": _SIMPLE,
    },
    "dver model deprecate": {**_NO_REPOSITORY, "--simple": _SIMPLE},
    "dver model get": {
        "--rev": "name it: `dver model get URL NAME@VERSION`",
        "--stage": "name it: `dver model get URL NAME#STAGE`",
        "--show-url": "leave it out: small files share packs, and large ones are in parts",
        **dict.fromkeys(("-j", "--jobs"), "use `dver config set --global core.jobs N`"),
    },
    "dver model history": _NO_REPOSITORY,
    "dver model list": {**_NO_REPOSITORY, "-d": "use --all", "--deprecated": "use --all"},
    "dver model register": {
        **_NO_REPOSITORY,
        **dict.fromkeys(("--version", "--ver"), "name it: `dver model register NAME VERSION`"),
        "--bump-major": "use --bump major",
        "--bump-minor": "use --bump minor",
        "--bump-patch": "use --bump patch",
        "--simple": _SIMPLE,
    },
    "dver model show": _NO_REPOSITORY,
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

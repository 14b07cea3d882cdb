"""Options that users of DVC know and that dver has under another name, or has no need for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_FOLDER: Final = "leave it out: a folder means all that is below it"
ADVICE: Final[Mapping[str, Mapping[str, str]]] = {
    "dver repro": {
        "-p": "leave it out: a stage is run after all that it depends on; `--downstream` runs what depends on it",
        "-P": "leave it out: `dver repro` without a target means the stages of every dver.yaml",
        "-R": _FOLDER,
        "--dry": "it is called --dry-run, or -n",
        "--force-downstream": "name the stage, with --force and --downstream",
        "--ignore-errors": "--keep-going runs all that does not depend on a stage that failed",
        "--glob": "name the foreach or matrix, which means all its stages; `dver stage list --names-only` lists names",
        "--no-commit": "leave it out: what stages make is always kept, and `dver gc` removes what is needed no more",
        "--allow-missing": "leave it out, or give --pull, which brings what is missing",
    },
    "dver dag": {
        "--md": "it is called --mermaid; put what it prints between ```mermaid and ```",
        "-o": "it is called --outs",
        "--collapse-foreach-matrix": "leave it out: they are one box, unless --full",
    },
    "dver stage list": {
        "--all": "leave it out: without a target the stages of every dver.yaml are listed",
        "-R": _FOLDER,
        "--name-only": "it is called --names-only",
        "--fail": "leave it out: a mistake in a dver.yaml is always an error",
    },
    "dver stage add": {
        "--run": "add it, then run it: `dver repro NAME`",
        "-c": "it is called --outs-persist",
        "--no-exec": "leave it out: nothing is run",
    },
    "dver metrics show": {"-R": _FOLDER},
    "dver metrics diff": {
        "-R": _FOLDER,
        "--a-rev": "name it: `dver metrics diff REV`",
        "--b-rev": "name both: `dver metrics diff REV REV`",
    },
    "dver plots show": {"--html-template": "leave it out: `--json` prints what can be put into a page of your own"},
    "dver plots diff": {"--html-template": "leave it out: `--json` prints what can be put into a page of your own"},
    "dver commit": {"-R": _FOLDER},
}
_LONG: Final = {"--pipeline": "-p", "--all-pipelines": "-P", "--recursive": "-R"}


def advice(verb: str, option: str) -> str | None:
    """What to type instead of `option`, which `verb` (`dver repro`) does not have."""
    found = ADVICE.get(verb, {})
    return found.get(option) or found.get(_LONG.get(option, ""))

"""What the model registry costs with many tags, beside `gto` of as many.

    python bench/registry.py /mnt/bench [--tags 10000] [--gto PROGRAM] [--gto-tags 1500] [--rounds 5]

Tags are written with `git fast-import`. A version is registered at each of many commits, and assigned to three stages:
all of one model, or of 100 models. Tags are in `packed-refs`, as after `git gc`, or files of their own (loose), as
after a fetch. The bar: 0.3 s for each command with 10,000 tags. Times are those of the quickest of several runs.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

from measure import Times, times

from dver.formats.registry_tag import TagDetails, encode_message

BAR = 0.3
_STAGES = ("dev", "staging", "prod")
_BEGIN = 1_600_000_000


def main() -> int:
    """Measure, print, and say whether the bars are held."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tags", type=int, default=10_000)
    parser.add_argument("--gto", default=_beside_python("gto"))
    parser.add_argument("--gto-tags", type=int, default=1_500)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    folder: Path = options.folder / "registry"
    shutil.rmtree(folder, ignore_errors=True)
    print("| Work | by the clock (of processors) | bar | |\n| --- | --- | --- | --- |")
    held = True
    for models in (1, 100):
        for loose in (False, True):
            repo = folder / f"{models}-{'loose' if loose else 'packed'}"
            make(repo, models=models, tags=options.tags, loose=loose)
            what = f"{options.tags:,} {'loose' if loose else 'packed'} tags of {models} model{'s' * (models > 1)}"
            for command in ("list", "show m0", "show m0#prod", "history m0", "history m0 --json"):
                found = best([sys.executable, "-m", "dver", "model", *command.split()], repo, options.rounds)
                held &= row(f"{what}: `dver model {command}`", found, BAR)
    if options.gto:
        repo = folder / "gto"
        make(repo, models=1, tags=options.gto_tags, loose=False)
        for command in ("show", "show m0", "history m0"):
            found = best([options.gto, *command.split()], repo, 1)
            row(f"{options.gto_tags:,} packed tags of 1 model: `gto {command}`", found, None)
        found = best([sys.executable, "-m", "dver", "model", "list"], repo, options.rounds)
        row(f"{options.gto_tags:,} packed tags of 1 model: `dver model list`", found, None)
    return 0 if held else 1


def make(repo: Path, *, models: int, tags: int, loose: bool) -> None:
    """A project with this many tags."""
    repo.mkdir(parents=True)
    _git(repo, "init", "--quiet", "-b", "main")
    (repo / ".dver").mkdir()
    (repo / ".dver/config.toml").write_text("")
    versions = tags // models // (1 + len(_STAGES))
    script = [
        f"commit refs/heads/main\nmark :{number + 1}\ncommitter A <a@example.org> {_BEGIN + number} +0000\ndata 1\nx\n"
        for number in range(versions)
    ]
    for model in range(models):
        script += _tags_of(f"m{model}", versions)
    _git(repo, "fast-import", "--quiet", stdin="".join(script).encode())
    _git(repo, "reset", "--quiet")
    if not loose:
        _git(repo, "pack-refs", "--all")


def _tags_of(model: str, versions: int) -> list[str]:
    found: list[str] = []
    seconds = _BEGIN + versions
    for number in range(versions):
        version = f"v{number // 100}.{number % 100}.0"
        details = TagDetails(path="model.bin", type="model", size=48_213, metrics={"metrics.json:auc": 0.91})
        found.append(_tag(f"{model}@{version}", number, seconds, encode_message("Register", details)))
        for at, stage in enumerate(_STAGES):
            message = encode_message("Assign", TagDetails(version=version))
            found.append(_tag(f"{model}#{stage}#{number * len(_STAGES) + at + 1}", number, seconds + at + 1, message))
        seconds += len(_STAGES) + 1
    return found


def _tag(name: str, commit: int, seconds: int, message: str) -> str:
    return f"tag {name}\nfrom :{commit + 1}\ntagger A <a@example.org> {seconds} +0000\ndata {len(message)}\n{message}\n"


def best(command: list[str], cwd: Path, rounds: int) -> Times:
    """The times of the quickest of several runs."""
    return min((times(command, cwd) for _ in range(rounds)), key=lambda one: one.wall)


def row(what: str, found: Times, bar: float | None) -> bool:
    """Print a row of the table, and say whether the bar is held."""
    held = bar is None or found.wall <= bar
    verdict = "" if bar is None else "held" if held else "missed"
    print(f"| {what} | {found} | {f'{bar:.1f} s' if bar else ''} | {verdict} |")
    return held


def _beside_python(name: str) -> str | None:
    return shutil.which(name, path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")


def _git(repo: Path, *args: str, stdin: bytes = b"") -> None:
    subprocess.run(["git", *args], cwd=repo, input=stdin, check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    sys.exit(main())

"""What the hooks add to `git checkout` between two commits that differ in a few of many files.

    python bench/checkout_hook.py [--files 50000] [--changed 10] [--runs 5] [--flat] [FOLDER]

The same checkout without hooks, in a clone without data, is what it is compared with.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from measure import timed

_PER_FOLDER = 1000
_HOOKS = ("post-checkout", "post-merge", "post-rewrite", "post-index-change")
_SCRIPT = """\
#!/bin/sh
[ {name} = post-index-change ] && [ "$1" != 1 ] && exit 0
exec {python} -m dver hook {name} "$@"
"""


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, help="where to work; a temporary folder by default")
    parser.add_argument("--files", type=int, default=50_000)
    parser.add_argument("--changed", type=int, default=10)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--flat", action="store_true", help="all files in one folder, instead of 1,000 in each")
    return parser.parse_args()


class _Work:
    """A repository with two commits, and the commands that are run in it."""

    def __init__(self, root: Path) -> None:
        self.repo = root / "repo"
        home = root / "home"
        home.mkdir()
        (home / ".gitconfig").write_text("[user]\n\tname = Bench\n\temail = bench@example.org\n")
        self.env = {"PATH": os.environ["PATH"], "HOME": os.fspath(home), "LC_ALL": "C.UTF-8"}

    def run(self, *command: str) -> None:
        """Run without measuring."""
        subprocess.run(command, cwd=self.repo, env=self.env, check=True, capture_output=True)

    def dver(self, *arguments: str) -> None:
        """Run dver."""
        self.run(sys.executable, "-m", "dver", *arguments)

    def make(self, files: int, changed: int, *, flat: bool) -> None:
        """Make the two commits, called old and new."""
        self.repo.mkdir()
        self.run("git", "init", "-q")
        self.dver("init", "--no-hooks")
        places = [self.repo / "data" / ("" if flat else str(at // _PER_FOLDER)) / str(at) for at in range(files)]
        for place in places:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(f"content of {place.name}\n")
        self.commit("old")
        for place in places[:: max(1, files // changed)][:changed]:
            place.write_text(f"other content of {place.name}\n")
        self.commit("new")

    def commit(self, branch: str) -> None:
        """Add the data, and commit it on a new branch."""
        self.run("git", "checkout", "-q", "-b", branch)
        self.dver("add", "data")
        self.run("git", "commit", "-qm", branch)

    def install(self) -> None:
        """Put hooks in place."""
        for name in _HOOKS:
            script = self.repo / ".git" / "hooks" / name
            script.write_text(_SCRIPT.format(name=name, python=sys.executable))
            script.chmod(0o755)

    def checkouts(self, runs: int) -> list[float]:
        """How long each of `runs` checkouts took, to and fro; in seconds."""
        return [
            timed(["git", "checkout", "-q", branch], self.repo, self.env).wall
            for branch in [branch for _ in range(runs) for branch in ("old", "new")]
        ]


def main() -> None:
    """Measure, and print."""
    arguments = _arguments()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        work = _Work(Path(folder))
        work.make(arguments.files, arguments.changed, flat=arguments.flat)
        without = median(work.checkouts(arguments.runs))
        work.install()
        with_hooks = work.checkouts(arguments.runs)
    print(f"git checkout without hooks: {without:.3f} s")
    print(f"with hooks: median {median(with_hooks):.3f} s, slowest {max(with_hooks):.3f} s")
    print(f"the hooks add {median(with_hooks) - without:.3f} s")


if __name__ == "__main__":
    main()

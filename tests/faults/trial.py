"""One scenario: done once without a fault, then once for each fault, on a fresh copy each time."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from faults import checks
from faults.inject import GROWING, Mode, Notes, Site, cut_power
from faults.runner import HANGS, Ended, apart, dver
from faults.scenarios import Case, Scenario
from workspaces import Content

from dver.core.files import is_temporary

FAULTS = tuple(mode for mode in Mode if mode is not Mode.COUNT)
_POINTER_FILES = (".dver", ".gitignore")


@dataclass(frozen=True, slots=True)
class Fault:
    """What fails, and where."""

    mode: Mode
    site: Site

    def __str__(self) -> str:
        return f"{self.mode.value} at {self.site}"


@dataclass(frozen=True, slots=True)
class Failure:
    """An invariant that did not hold."""

    scenario: str
    fault: str
    problems: tuple[str, ...]
    folder: Path


class Trial:
    """A scenario in the folder `folder`, with its template and what comes of it where nothing fails."""

    def __init__(self, scenario: Scenario, folder: Path) -> None:
        self.scenario = scenario
        self.folder = folder
        self.template = folder / "template"
        folder.mkdir(parents=True)
        scenario.build(Case(self.template, folder))
        repo = self.template / scenario.where
        self.before = checks.state(repo)
        self.lacking, _ = apart(lambda: checks.dangling(repo))
        ended, self.sites, clean = self._clean_run()
        if ended.rc != scenario.rc:
            raise AssertionError(f"{scenario.name}: {ended}")
        self.after = self._state(clean)
        named = {oid for oid, _ in checks.pointers(clean.repo)[0].values()}
        self.promised = apart(lambda: checks.remote_roots(clean.remote)) & named
        self.fetched, _ = apart(lambda: checks.dangling(clean.folder / scenario.where))
        problems = [*self._still_well(clean, ended), *self._complete(clean)]
        if problems:
            raise AssertionError(f"{scenario.name}, without any fault: {problems}")
        shutil.rmtree(clean.folder)

    def faults(self) -> Iterator[Fault]:
        """Every fault that makes a difference."""
        for site in self.sites:
            for mode in FAULTS:
                if mode is not Mode.FULL or site.kind in GROWING:
                    yield Fault(mode, site)

    def run(self, fault: Fault) -> Failure | None:
        """Inject `fault`; None if all is as it must be."""
        case, notes = self._copy(f"{fault.mode.value}-{fault.site.number}")
        ended = self._command(case, (case.folder, notes, fault.mode, fault.site.number))
        cut_power(case.folder, notes, fault.mode)
        problems = [*self._how_it_ended(case, fault, ended), *self._still_well(case, ended)]
        if not problems:
            problems = list(self._again(case, fault))
        if problems:
            return Failure(self.scenario.name, str(fault), (*problems, f"it had ended so: {ended}"), case.folder)
        shutil.rmtree(case.folder)
        shutil.rmtree(notes.folder)
        return None

    # -- steps

    def _clean_run(self) -> tuple[Ended, list[Site], Case]:
        case, notes = self._copy("clean")
        ended = self._command(case, (case.folder, notes, Mode.COUNT, 0))
        return ended, notes.read_sites(), case

    def _copy(self, name: str) -> tuple[Case, Notes]:
        folder = self.folder / name
        subprocess.run(["cp", "-a", "--reflink=auto", self.template, folder], check=True)
        return Case(folder, self.folder), Notes(self.folder / f"{name}.notes")

    def _command(self, case: Case, fault: tuple[Path, Notes, Mode, int] | None = None) -> Ended:
        return dver(self.scenario.args, case.folder / self.scenario.where, scratch=self.folder, fault=fault)

    def _state(self, case: Case) -> checks.State:
        repo = case.folder / self.scenario.where
        status = dver(["status"], repo, scratch=self.folder)
        return replace(checks.state(repo), status=status.out + status.err)

    # -- checks

    def _how_it_ended(self, case: Case, fault: Fault, ended: Ended) -> Iterator[str]:
        if ended.rc == HANGS:
            yield "it hangs"
        if "Traceback" in ended.err or "internal error" in ended.err:
            yield "it ended by a bug"
        if self.scenario.warns and "warning: " in ended.err:
            return
        if ended.rc in (0, self.scenario.rc):
            if ended.rc == 0 or fault.mode in (Mode.ERROR, Mode.FULL):
                yield from self._differs(case, "it said that all is well, but")
        elif fault.mode in (Mode.ERROR, Mode.FULL):
            yield from (f"its error has no {part!r}" for part in ("error: ", "why: ", "fix: ") if part not in ended.err)
        elif fault.mode is Mode.INTERRUPT and ended.rc != 130:
            yield f"Ctrl-C ended it with {ended.rc}"

    def _still_well(self, case: Case, ended: Ended) -> Iterator[str]:
        """What holds whatever has happened."""
        repo = case.folder / self.scenario.where
        lost, problems = apart(lambda: checks.dangling(repo))
        if lost - self.lacking:
            yield from problems
        for name, content in self.scenario.work.items():
            path = repo / name
            if not path.is_file() or path.read_bytes() != content:
                yield f"the user's work {name} is lost"
        now = checks.state(repo)
        for name in now.files:
            if os.fsdecode(name).endswith(_POINTER_FILES):
                allowed = (self.before.files.get(name), self.after.files.get(name))
                if not _is_whole(name, now.files[name], allowed):
                    yield f"{os.fsdecode(name)} is half written: {now.files[name]}"
        yield from apart(lambda: checks.remote_problems(case.remote))

    def _complete(self, case: Case, *, left: bool = False, cut: bool = False) -> Iterator[str]:
        """What holds once the command has succeeded. With `left`, it had nothing to do, and so nothing to clear. After
        the power was `cut`, files may have stayed that were to go: what is not sure to be dver's is left to the user.
        """
        if not (cut and self._is_only_more(checks.state(case.folder / self.scenario.where))):
            yield from self._differs(case, "")
        if not left:
            yield from checks.leftovers(case.folder / self.scenario.where)
        lost, problems = apart(lambda: checks.dangling(case.folder / self.scenario.where))
        if lost != self.fetched:
            yield from problems or ["more was fetched than should be"]
        if not apart(lambda: checks.remote_roots(case.remote)) >= self.promised:
            yield "the remote promises less than it should"
        if self.scenario.sends:
            yield from self._pulled(case)

    def _differs(self, case: Case, intro: str) -> Iterator[str]:
        return (f"{intro} {one}".strip() for one in self.after.differs(self._state(case)))

    def _again(self, case: Case, fault: Fault) -> Iterator[str]:
        """The same command, run again, completes."""
        if fault.mode in (Mode.POWER, Mode.POWER_NAMES):
            yield from self._without_emptied(case)
        now = self._state(case)
        done = not self.after.differs(now)
        ended = self._command(case)
        if ended.rc != self.scenario.rc and not done:
            # Deletions are not synced: after a power cut, what a command had deleted may be there again.
            if self.scenario.mend and fault.mode in (Mode.POWER, Mode.POWER_NAMES):
                dver(self.scenario.mend, case.folder / self.scenario.where, scratch=self.folder)
                now = self._state(case)
            more = fault.mode is Mode.POWER_NAMES and self._is_only_more(now)
            # Between a pointer and `git add`, all is done but that: Git shows it as a change that is not staged.
            if not more and now.files != self.after.files:
                yield f"run again, it ended so: {ended}"
            return
        cut = fault.mode in (Mode.POWER, Mode.POWER_NAMES)
        problems = [*self._still_well(case, ended), *self._complete(case, left=done, cut=cut)]
        yield from (f"after another run: {one}" for one in problems)

    def _is_only_more(self, now: checks.State) -> bool:
        """Is all as it is to be, but for what was there before?"""
        files, before, after = now.files, self.before.files, self.after.files
        more = {name for name in files if name not in after}
        return (
            now.index == self.after.index
            and all(files.get(name) == content for name, content in after.items())
            and all(files[name] == before.get(name) for name in more)
        )

    def _without_emptied(self, case: Case) -> Iterator[str]:
        """Files of the workspace are not synced, as Git's are not: what a power cut has emptied is told from what was
        there, and comes back once it is deleted."""
        now = self._state(case)
        known = (self.before.files, self.after.files)
        emptied = [
            name
            for name, content in now.files.items()
            if content in (("file", b""), ("executable", b""))
            and content not in (one.get(name) for one in known)
            and not is_temporary(os.path.basename(name))
        ]
        if emptied and now.status == self.after.status:
            yield f"dver status does not see that {emptied} are empty now"
        for name in emptied:
            (case.folder / self.scenario.where / os.fsdecode(name)).unlink()

    def _pulled(self, case: Case) -> Iterator[str]:
        fresh = case.folder / "fresh"
        ended = dver(["pull"], fresh, scratch=self.folder)
        if ended.rc:
            yield f"a fresh clone cannot pull: {ended}"
        lost, problems = apart(lambda: checks.dangling(fresh))
        tip = {one for place, (one, _) in checks.pointers(fresh)[0].items() if place.startswith("pointer data")}
        if lost & tip:
            yield f"a fresh clone lacks {problems}"


def _is_whole(name: bytes, found: Content, allowed: Sequence[Content | None]) -> bool:
    """Is a pointer what it was or what it is to be, and a `.gitignore` made of whole lines of both?"""
    if found in allowed:
        return True
    lines = {line for one in allowed if one for line in one[1].splitlines(keepends=True)}
    return os.path.basename(name) == b".gitignore" and set(found[1].splitlines(keepends=True)) <= lines

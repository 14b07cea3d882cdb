"""Runs of MLflow become experiments: a commit on top of the commit that they ran at, and a record."""

from __future__ import annotations

import hashlib
import json
import posixpath
import re
import time
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from dver.core.display import Displayed
from dver.core.errors import CorruptError, UsageError
from dver.core.progress import SILENT, Progress
from dver.experiments.entries import BATCH
from dver.experiments.journal import Journal
from dver.experiments.mlflow.file_store import MlflowRun, RunStatus, find_runs, read_run
from dver.experiments.names import MAX_LENGTH
from dver.formats.experiment import Experiment, ExperimentStatus
from dver.git import revisions
from dver.git.fast_import import NewCommit, write_commits
from dver.git.git_repo import CommitId, describe_objects
from dver.live.metric_names import file_path, name_parts
from dver.live.summary import nested
from dver.pipelines.definition.param_files import flatten
from dver.repo import Repository

FOLDER: Final = "mlflow-run"
"""The directory with the files of the run, in the commit of its experiment."""
PARAMS: Final = f"{FOLDER}/params.json"
METRICS: Final = f"{FOLDER}/metrics.json"
TAGS: Final = f"{FOLDER}/tags.json"

_STATUSES: Final = {
    RunStatus.FINISHED: ExperimentStatus.DONE,
    RunStatus.FAILED: ExperimentStatus.FAILED,
    RunStatus.KILLED: ExperimentStatus.STOPPED,
}
_NUMBER: Final = re.compile(r"-?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_CONSTANTS: Final = {"True": True, "False": False, "None": None}
_COMMIT: Final = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_ODD: Final = re.compile(r"^\.|[^\w\-+=@,(). %]")
"""Characters with which Git may refuse a path on some systems."""
_BYTES: Final = 64 << 20
"""Commits are written once their files have this size."""
_DIGEST: Final = 16
_SHORT: Final = 8
_LONGEST: Final = 500
"""The most characters of a value in a record. The files have the whole value."""


@dataclass(frozen=True, slots=True)
class DamagedRun:
    """A run that could not be read."""

    id: str
    error: CorruptError


@dataclass(frozen=True, slots=True, repr=False)
class MlflowImport(Displayed):
    """What an import of a file store did."""

    imported: tuple[Experiment, ...]
    known: int
    """Runs that an earlier import has made experiments of."""
    unfinished: int
    """Runs that have not ended. The next import after their end imports them."""
    deleted: int
    damaged: tuple[DamagedRun, ...]

    @property
    def error(self) -> CorruptError | None:
        """The error of the import, if runs are damaged."""
        return self.damaged[0].error if self.damaged else None


def import_runs(repo: Repository, store: Path, *, progress: Progress = SILENT) -> MlflowImport:
    """Make an experiment of each finished run in the file store `store` that is none yet. Changes nothing there.

    A process that is killed meanwhile has imported some; the next import goes on. Raises UsageError.
    """
    head = revisions.head(repo.git)
    if head is None:
        raise UsageError(
            "an experiment needs a commit to start from",
            why="this branch has no commits yet",
            fix='git add -A && git commit -m "first version"',
        )
    directories = find_runs(store)
    with Journal(repo) as journal:
        known = {one.id[:_DIGEST] for one in (*journal.all(), *journal.removed())}
        new = [one for one in directories if _digest(one.id) not in known]
        importer = _Importer(repo, journal, head)
        with progress.task("import", total=len(new), unit="files") as task:
            for directory in new:
                try:
                    importer.add(read_run(directory))
                except CorruptError as error:
                    importer.damaged.append(DamagedRun(directory.id, error))
                task.advance(1)
            importer.write()
    return MlflowImport(
        tuple(importer.imported),
        len(directories) - len(new),
        importer.unfinished,
        importer.deleted,
        tuple(importer.damaged),
    )


@dataclass(slots=True)
class _Importer:
    """Collects runs, and writes them in batches."""

    repo: Repository
    journal: Journal
    head: CommitId
    imported: list[Experiment] = field(default_factory=list)
    damaged: list[DamagedRun] = field(default_factory=list)
    unfinished: int = 0
    deleted: int = 0
    _waiting: list[tuple[MlflowRun, dict[str, bytes]]] = field(default_factory=list)
    _size: int = 0

    def add(self, run: MlflowRun) -> None:
        if run.is_deleted:
            self.deleted += 1
        elif run.status not in _STATUSES:
            self.unfinished += 1
        else:
            files = run_files(run)
            self._waiting.append((run, files))
            self._size += sum(map(len, files.values()))
            if len(self._waiting) >= BATCH or self._size > _BYTES:
                self.write()

    def write(self) -> None:
        """Write the commits and records of the runs that wait."""
        if not self._waiting:
            return
        taken = self.journal.names()
        self._waiting.sort(key=lambda one: one[0].start or 0.0)  # of two with the same name, the first one has it
        baselines = self._baselines([run for run, _ in self._waiting])
        named = []
        for run, files in self._waiting:
            name = experiment_name(run, taken)
            taken.add(name)
            named.append((run, name, baselines.get(_source(run), self.head), files))
        commits = write_commits(
            self.repo.git,
            [_commit(run, name, baseline, files) for run, name, baseline, files in named],
            name="dver",
            email="dver@localhost",
        )
        records = [
            self._record(run, name, baseline, commit)
            for (run, name, baseline, _), commit in zip(named, commits, strict=True)
        ]
        self.journal.record(records)
        self.imported += records
        self._waiting, self._size = [], 0

    def _baselines(self, runs: Sequence[MlflowRun]) -> dict[str, CommitId]:
        """Those commits of the runs that this repository has."""
        asked = sorted({source for run in runs if _COMMIT.fullmatch(source := _source(run))})
        found = describe_objects(self.repo.git, asked, "%(objecttype)")
        return {one: CommitId(one) for one, kind in zip(asked, found, strict=True) if kind == "commit"}

    def _record(self, run: MlflowRun, name: str, baseline: CommitId, commit: CommitId) -> Experiment:
        files = {PARAMS: flatten(_values(run.params)), TAGS: flatten(_values(_tags(run)))}
        metrics = flatten(nested(_latest(run)))
        return Experiment(
            id=_digest(run.id) + self.journal.writer,
            name=name,
            status=_STATUSES[run.status],
            baseline=baseline,
            commit=commit,
            updated=time.time_ns(),
            message=run.tags.get("mlflow.note.content", "")[:_LONGEST],
            params={file: {key: _short(one) for key, one in found.items()} for file, found in files.items() if found},
            metrics={METRICS: metrics} if metrics else {},
            created=run.start or run.end or time.time(),
            started=run.start,
            ended=run.end,
            user=run.user,
            exit_code=0 if run.status is RunStatus.FINISHED else None,
        )


def experiment_name(run: MlflowRun, taken: Container[str]) -> str:
    """A valid name that is not `taken`: that of the run, if necessary with the start of its id."""
    text = "".join(one if one.isprintable() else " " for one in run.name)
    stem = text.strip().lstrip("-").strip()[: MAX_LENGTH - len(run.id) - 1].strip() or "run"
    short, full = f"{stem}-{run.id[:_SHORT]}", f"{stem}-{run.id}"
    choices = (short, full) if stem == "run" else (stem, short, full)
    return next((one for one in choices if one not in taken), full)


def run_files(run: MlflowRun) -> dict[str, bytes]:
    """The files of a run in the commit of its experiment, by path below `FOLDER`."""
    tags = {name: text for name, text in run.tags.items() if name.startswith("mlflow.")}
    about = {"id": run.id, "experiment": run.experiment, "tags": tags, "artifacts": run.artifacts}
    found = {
        "run.json": _json(about),
        "params.json": _json(_values(run.params)),
        "tags.json": _json(_values(_tags(run))),
        "metrics.json": _json(nested(_latest(run))),
    }
    for name, points in run.metrics.items():
        if len(points) > 1:
            parts = (_ODD.sub(_escaped, part) for part in file_path(name_parts(name), ".tsv").split("/"))
            path = "/".join(("plots/metrics", *parts))
            column = posixpath.basename(path).removesuffix(".tsv")
            rows = (f"{one.step}\t{one.value!r}\n" for one in points)
            found[path] = f"step\t{column}\n{''.join(rows)}".encode()
    return found


def _commit(run: MlflowRun, name: str, baseline: CommitId, files: Mapping[str, bytes]) -> NewCommit:
    when = int(run.end or run.start or time.time())
    return NewCommit(baseline, f"experiment {name}\n\nRun {run.id} of MLflow.\n", when, FOLDER, files)


def _latest(run: MlflowRun) -> dict[tuple[str, ...], float]:
    """The latest value of each metric."""
    return {name_parts(name): max(points).value for name, points in run.metrics.items()}


def _tags(run: MlflowRun) -> dict[str, str]:
    """The user's tags, and the experiment that the run is of."""
    own = {name: text for name, text in run.tags.items() if not name.startswith("mlflow.")}
    return {**own, "mlflow.experiment": run.experiment}


def _values(texts: Mapping[str, str]) -> dict[str, Any]:
    """MLflow keeps texts. Those of numbers, True, False and None become values, so that they can be compared."""
    return {name: _value(text) for name, text in texts.items()}


def _value(text: str) -> Any:
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if not _NUMBER.fullmatch(text) or len(text) > _LONGEST:
        return text
    if text.lstrip("-").isdigit():
        return int(text) if str(int(text)) == text else text  # 007 is a name
    return float(text)


def _short(value: Any) -> Any:
    return value[:_LONGEST] + "…" if isinstance(value, str) and len(value) > _LONGEST else value


def _source(run: MlflowRun) -> str:
    return run.tags.get("mlflow.source.git.commit", "")


def _digest(run: str) -> str:
    """The first half of the id of an experiment. The second half is the writer, as for all experiments."""
    return hashlib.sha256(b"mlflow run " + run.encode()).hexdigest()[:_DIGEST]


def _escaped(found: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in found[0].encode("utf-8", "surrogatepass"))


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=2) + "\n").encode()

"""Checks of single files, without a project."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from dver.checks.data_access import DataFile
from dver.checks.evaluation.evaluate import evaluate
from dver.checks.result import CheckedData, RuleResult
from dver.checks.suite.parse import parse_rules
from dver.checks.suite.rules import CheckSuite
from dver.formats.profile import Profile
from dver.pipelines.definition.yaml_tree import parse_yaml
from dver.profiles.settings import ProfileSettings
from dver.profiles.tables import profile_table


@dataclass
class FileData:
    """A `DataAccess` for one file. `opened` says how often its rows were asked for."""

    path: Path
    before: Profile | None = None
    references: dict[str, Profile] = field(default_factory=dict)
    plugins_allowed: bool = False
    opened: int = 0

    @contextmanager
    def tables(self, collection: str) -> Iterator[Sequence[DataFile]]:
        self.opened += 1
        yield [DataFile(self.path, self.path.name)]

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        with TemporaryDirectory() as folder:
            yield Path(folder)

    def previous(self) -> Profile | None:
        return self.before

    def reference(self, against: str) -> Profile:
        return self.references[against]

    def directory(self) -> Path:
        return self.path.parent


def suite_of(rules: str) -> CheckSuite:
    """The suite with these rules in YAML."""
    return CheckSuite(b"data.csv", "dver.checks.yaml", parse_rules(parse_yaml(rules.encode(), "dver.checks.yaml")))


def checked(
    data: FileData | Path,
    rules: str,
    *,
    rows: int = 0,
    now: float | None = None,
    private: frozenset[str] = frozenset(),
) -> CheckedData:
    """The results of `rules` for a file, whose profile is made first."""
    access = data if isinstance(data, FileData) else FileData(data)
    profile = profile_table(access.path, access.path.name, ProfileSettings(private), processes=1)
    return evaluate(suite_of(rules), profile, access, path=access.path.name, rows=rows, now=now)


def checked_rule(data: FileData | Path, rules: str, **options: object) -> RuleResult:
    """The result of the only rule."""
    (result,) = checked(data, rules, **options).results  # type: ignore[arg-type]
    return result


def table(path: Path, columns: dict[str, Sequence[object]]) -> Path:
    """Write a CSV file, or a Parquet file by its suffix, and return it."""
    if path.suffix == ".parquet":
        import pyarrow as pa
        import pyarrow.parquet as parquet

        parquet.write_table(pa.table(dict(columns)), path)
        return path
    lines = [
        ",".join(columns),
        *(",".join("" if one is None else str(one) for one in row) for row in zip(*columns.values(), strict=True)),
    ]
    path.write_text("\n".join(lines) + "\n")
    return path

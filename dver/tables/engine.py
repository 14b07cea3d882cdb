"""DuckDB, confined: it reads the given files, spills into the given directory, and reaches nothing else."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from dver.core.errors import CorruptError, LocalIOError, UsageError
from dver.tables.suffixes import ARROW, DELIMITERS, JSON_LINES, PARQUET, table_suffixes

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_CSV: Final = (
    "read_csv({path}, header = true, all_varchar = true, quote = '\"', escape = '\"', delim = '{delim}',"
    " comment = '', skip = 0)"
)
"""Nothing of the dialect is guessed: a row that begins with `#` is a row."""
LONG_ROW: Final = 2_000_000
"""The bytes of a row that DuckDB reads by default."""
_LONG_ROWS: Final[Mapping[str, str]] = {
    "read_csv(": ", max_line_size = 67_108_864, buffer_size = 134_217_728",
    "read_json(": ", maximum_object_size = 67_108_864",
}
"""Settings for rows up to the size that profiles read: they take some hundred MB."""
_INFERRED: Final = "sample_size = -1"
_JSON: Final = f"read_json({{path}}, format = 'newline_delimited', {_INFERRED})"
_SOURCES: Final[Mapping[str, str]] = {
    **{suffix: _CSV.replace("{delim}", delimiter) for suffix, delimiter in DELIMITERS.items()},
    **dict.fromkeys(JSON_LINES, _JSON),
    **dict.fromkeys(PARQUET, "read_parquet({path})"),
}
_ARROW_FILE: Final = b"ARROW1"
"""The beginning of an Arrow file. A stream has another one."""
_CALL: Final = re.compile(r"(\w+)\(('(?:[^']|'')*')(.*)\)")
_INTERRUPTED: Final = "Query interrupted"
_MEMORY: Final = "1GB"
"""What DuckDB may use; it spills the rest. The process takes about half as much on top."""


class Engine:
    """A connection to DuckDB. Use `open_engine`."""

    def __init__(self, connection: DuckDBPyConnection, names: Mapping[str, str]) -> None:
        """`names` are those of the files, by their paths in statements."""
        self._connection = connection
        self._names = names

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """All rows that `statement` selects. Raises CorruptError for a file that cannot be read."""
        with _explained(self._names):
            found: list[tuple[Any, ...]] = self._connection.execute(statement).fetchall()
        return found

    def answer(self, statement: str) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
        """The columns and rows of a statement with SQL of users. Raises UsageError for a mistake in it."""
        import duckdb

        try:
            with _interruptible():
                found = self._connection.execute(statement)
                return tuple(one[0] for one in found.description or ()), found.fetchall()
        except duckdb.OutOfMemoryException as error:
            raise LocalIOError("the tables do not fit", why=_first_line(error), fix="free disk space") from error
        except (duckdb.Error, RuntimeError) as error:
            raise UsageError("the SQL cannot be executed", why=_why(error, self._names), fix="correct it") from error

    def query_of(self, text: str) -> str:
        """`text`, if it is one `SELECT`, without a semicolon. Raises UsageError for anything else."""
        import duckdb

        try:
            statements = self._connection.extract_statements(text)
        except (duckdb.Error, RuntimeError) as error:
            raise UsageError("the SQL cannot be parsed", why=_first_line(error), fix="correct it") from error
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            raise UsageError("the SQL is not one SELECT", why="other statements are not executed", fix="write a SELECT")
        return str(statements[0].query).strip().rstrip(";").rstrip()

    def batches(self, statement: str, rows: int) -> Iterator[Any]:
        """The result as pyarrow record batches of at most about `rows` rows. Raises as `rows`."""
        with _explained(self._names):
            result: Any = self._connection.sql(statement)
            # DuckDB 2 renamed the method.
            read = result.to_arrow_reader if hasattr(result, "to_arrow_reader") else result.fetch_arrow_reader
            yield from read(rows)

    def frame(self, statement: str) -> Any:
        """The result as a pandas DataFrame."""
        with _interruptible():
            return self._connection.execute(statement).df()

    def run(self, statement: str) -> None:
        """Execute `statement`."""
        self.rows(statement)

    def columns(self, source: str) -> dict[str, str]:
        """The columns of a source, with their types, in order."""
        return {name: kind for name, kind, *_ in self.rows(f"DESCRIBE SELECT * FROM {source}")}


@contextmanager
def _interruptible() -> Iterator[None]:
    """Ctrl-C, which DuckDB reports as an error of the statement, is a KeyboardInterrupt again."""
    import duckdb

    try:
        yield
    except duckdb.InterruptException as error:
        raise KeyboardInterrupt from error
    except RuntimeError as error:
        if str(error) == _INTERRUPTED:
            raise KeyboardInterrupt from error
        raise


@contextmanager
def _explained(names: Mapping[str, str]) -> Iterator[None]:
    import duckdb

    try:
        with _interruptible():
            yield
    except duckdb.OutOfMemoryException as error:
        raise LocalIOError("the tables do not fit", why=_first_line(error), fix="free disk space") from error
    except (duckdb.InvalidInputException, duckdb.ConversionException, duckdb.IOException) as error:
        raise CorruptError(
            "a table cannot be read", why=_why(error, names), fix="check that its content fits its suffix"
        ) from error


@contextmanager
def open_engine(
    files: Sequence[tuple[Path, str]],
    scratch: Path,
    *,
    ordered: bool = False,
    arrow: bool = False,
    profiled: bool = False,
    long_rows: bool = False,
) -> Iterator[tuple[Engine, list[str]]]:
    """An engine for `files`, each with the name that decides about its format, and a source of rows for each.

    `scratch` is an empty directory for links and spilled rows. With `ordered`, a source has the rows in the order of
    its file, which takes more memory. `arrow` also allows Arrow files. `profiled` says that the profiler has read the
    CSV files, so that their rows are complete: then line ends may be mixed, as the profiler allows. `long_rows` allows
    rows of up to 64 MB of text, in more memory. Raises UsageError without the extra `data`, and for a name that is not
    a table's.
    """
    duckdb = _duckdb()
    links = {
        at: _linked(path, name, scratch / f"table{at}")
        for at, (path, name) in enumerate(files)
        if not (arrow and _is_arrow(name))
    }
    with duckdb.connect(":memory:") as connection:
        for setting, value in (
            ("temp_directory", quoted_text(os.fspath(scratch / "spill"))),
            ("memory_limit", quoted_text(_MEMORY)),
            ("preserve_insertion_order", "true" if ordered else "false"),
            ("TimeZone", "'UTC'"),
            ("python_enable_replacements", "false"),
            ("autoinstall_known_extensions", "false"),
            ("autoload_known_extensions", "false"),
            ("allowed_paths", f"[{', '.join(quoted_text(os.fspath(link)) for link in links.values())}]"),
            ("enable_external_access", "false"),
            ("lock_configuration", "true"),
        ):
            connection.execute(f"SET {setting} = {value}")
        sources = [
            _source_of(links[at], profiled=profiled, long_rows=long_rows)
            if at in links
            else _arrow_source(connection, path, scratch / f"table{at}", at)
            for at, (path, _) in enumerate(files)
        ]
        yield Engine(connection, {os.fspath(link): files[at][1] for at, link in links.items()}), sources


def joined_sources(sources: Sequence[str]) -> list[str]:
    """The rows of all sources, with one source for all files of a format: each source of a statement takes memory.

    Columns are matched by name.
    """
    found: dict[tuple[str, str], list[str]] = {}
    others = []
    for one in sources:
        parts = _CALL.fullmatch(one)
        if parts is None:
            others.append(one)
        else:
            found.setdefault((parts[1], parts[3]), []).append(parts[2])
    for (function, settings), paths in found.items():
        several = f"[{', '.join(paths)}]" if len(paths) > 1 else paths[0]
        by_name = ", union_by_name = true" if len(paths) > 1 else ""
        others.append(f"{function}({several}{settings}{by_name})")
    return others


def is_json(source: str) -> bool:
    """Are the rows of a source those of JSON Lines?"""
    return source.startswith("read_json(")


def with_json_types(source: str, types: Mapping[str, str]) -> str:
    """A source of JSON Lines whose columns are those of `types`, instead of those that DuckDB infers."""
    columns = ", ".join(f"{quoted_text(name)}: {quoted_text(kind)}" for name, kind in types.items())
    return source.replace(_INFERRED, f"columns = {{{columns}}}")


def is_table(name: str) -> bool:
    """Does the suffix of `name` name a table?"""
    return table_suffixes(name)[0] in _SOURCES


def quoted_name(name: str) -> str:
    """The name of a column in SQL."""
    return '"' + name.replace('"', '""') + '"'


def quoted_text(text: str) -> str:
    """Text in SQL."""
    return "'" + text.replace("'", "''") + "'"


def _linked(path: Path, name: str, stem: Path) -> Path:
    """A link to `path` without the characters that DuckDB takes for patterns."""
    kind, compression = table_suffixes(name)
    if kind not in _SOURCES:
        raise UsageError(
            f"{name!r} is not a table", why=f"dver compares rows of {', '.join(_SOURCES)}", fix="name another file"
        )
    link = stem.with_name(stem.name + kind + compression)
    link.symlink_to(os.path.abspath(path))
    return link


def _source_of(link: Path, *, profiled: bool, long_rows: bool) -> str:
    source = _SOURCES[table_suffixes(link.name)[0]]
    # DuckDB's strict mode refuses mixed line ends; the other one cuts rows that are too long. If null is not an empty
    # text, empty lines are no rows in files of one column either. The text means null in profiles, too.
    if profiled:
        source = source.replace("read_csv({path}", "read_csv({path}, strict_mode = false, nullstr = '#N/A'")
    if long_rows:
        source = source.removesuffix(")") + _LONG_ROWS.get(source[: source.index("(") + 1], "") + ")"
    return source.replace("{path}", quoted_text(os.fspath(link)))


def _is_arrow(name: str) -> bool:
    kind, compression = table_suffixes(name)
    return kind in ARROW and not compression


def _arrow_source(connection: DuckDBPyConnection, path: Path, stem: Path, at: int) -> str:
    from pyarrow import ArrowException
    from pyarrow.dataset import dataset

    link, copy = stem.with_name(f"{stem.name}.link"), stem.with_name(f"{stem.name}.arrow")
    link.symlink_to(os.path.abspath(path))  # Arrow refuses names that are not UTF-8
    try:
        connection.register(f"arrow{at}", dataset(os.fspath(_valid_arrow(link, copy)), format="ipc"))
    except ArrowException as error:
        raise CorruptError(
            "a table cannot be read", why=_first_line(error), fix="check that its content fits its suffix"
        ) from error
    return f"arrow{at}"


def _valid_arrow(path: Path, copy: Path) -> Path:
    """`path`, or for a stream a `copy` of it as a file, which DuckDB may read more than once.

    Raises ArrowException for offsets and indices that are wrong: DuckDB trusts them, and crashes.
    """
    import pyarrow as pa

    with pa.OSFile(os.fspath(path)) as content:
        is_stream = content.read(len(_ARROW_FILE)) != _ARROW_FILE
    with pa.memory_map(os.fspath(path)) as content:
        if is_stream:
            with pa.ipc.open_stream(content) as stream, pa.ipc.new_file(os.fspath(copy), stream.schema) as to:
                for batch in stream:
                    batch.validate(full=True)
                    to.write_batch(batch)
            return copy
        file = pa.ipc.open_file(content)
        for at in range(file.num_record_batches):
            file.get_batch(at).validate(full=True)
        return path


def _why(error: BaseException, names: Mapping[str, str]) -> str:
    """The first line of the error, with the names of files instead of the paths in statements."""
    line = _first_line(error)
    for path, name in names.items():
        if f'"{path}"' in line and "sniffing" in line:
            return f"{name}: rows differ in their number of fields, line ends are mixed, or a quote is not closed"
        line = line.replace(path, name)
    return line


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0]


def _duckdb() -> Any:
    try:
        import duckdb
    except ImportError as error:
        raise UsageError(
            "rows need the extra `data`", why="DuckDB is not installed", fix='pip install "dver[data]"'
        ) from error
    return duckdb

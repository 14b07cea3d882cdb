"""Reads a TOML file. A missing file is empty; an invalid one is an error with line and column."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

from dver.core.errors import RepositoryError
from dver.core.files import SpecialFileError, read_regular

_POSITION: Final = re.compile(r" \(at line (\d+), column (\d+)\)$")
_NO_SETTINGS: Final = re.compile(rb"(?:[ \t\r\n]*(?:#[^\n]*(?:\n|\Z))?)*")
"""A file of comments only, as `dver init` writes it, needs no parser."""


def read_file(path: Path) -> dict[str, Any]:
    """The tables in the file `path`; none if it is missing. Raises RepositoryError as `parse_toml` does."""
    try:
        content = read_regular(path)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except SpecialFileError as error:
        raise RepositoryError(error.what, why=error.why, fix=error.fix) from None
    return {} if _NO_SETTINGS.fullmatch(content) else parse_toml(path, content)


def parse_toml(path: Path, content: bytes) -> dict[str, Any]:
    """The tables in `content`. Raises RepositoryError with file name, line and column."""
    import tomllib  # takes four milliseconds

    try:
        return tomllib.loads(content.decode())
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _broken(path, f", line {line}", "it is not UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        at = _POSITION.search(str(error))
        where = f", line {at[1]}, column {at[2]}" if at else ""
        raise _broken(path, where, _POSITION.sub("", str(error))) from error
    except ValueError as error:  # a number with thousands of digits
        raise _broken(path, "", "it has a number that is too long") from error
    except RecursionError as error:
        raise _broken(path, "", "it is nested too deeply") from error


def _broken(path: Path, where: str, why: str) -> RepositoryError:
    return RepositoryError(f"{path}{where}: not valid TOML", why=why, fix="edit the file")

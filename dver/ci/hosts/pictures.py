"""Pictures in the Markdown of a report: found below its directory, and replaced by what a host can show."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from dver.core.files import SpecialFileError, read_regular

_LINK: Final = re.compile(r"!\[((?:\\.|[^\]\\\n])*)\]\(([^()\s]+)\)")
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:|//|/|#")
_PNG: Final = b"\x89PNG\r\n\x1a\n"
SIZE_MAX: Final = 5 * 2**20
PICTURES_MAX: Final = 50


@dataclass(frozen=True, slots=True)
class AttachedPicture:
    """A PNG file of a report."""

    content: bytes

    @property
    def name(self) -> str:
        """A file name that comes from the content, so that a host stores the same picture once."""
        return f"{hashlib.sha256(self.content).hexdigest()[:32]}.png"


def find_pictures(text: str, directory: Path) -> dict[str, AttachedPicture]:
    """The pictures that `text` shows from files below `directory`, by link.

    Only PNG files are read, and no links out of the directory: the text may come from a stranger's pull request, and
    must not publish other files of this machine.
    """
    found: dict[str, AttachedPicture] = {}
    for match in _LINK.finditer(text):
        link = match[2]
        if link not in found and not _SCHEME.match(link) and len(found) < PICTURES_MAX:
            content = _read(directory, unquote(link))
            if content is not None:
                found[link] = AttachedPicture(content)
    return found


def show_pictures(text: str, urls: Mapping[str, str], missing: str) -> str:
    """`text` with the pictures at `urls`, by link. `missing` replaces pictures of files that have no URL."""

    def replacement(match: re.Match[str]) -> str:
        alternative, link = match[1], match[2]
        if _SCHEME.match(link):
            return match[0]
        return f"![{alternative}]({urls[link]})" if link in urls else f"*{alternative or 'picture'}: {missing}*"

    return _LINK.sub(replacement, text)


def _read(directory: Path, name: str) -> bytes | None:
    """The bytes of the PNG file `name`; None for anything else."""
    if "\0" in name:
        return None
    top, path = directory.resolve(), (directory / name).resolve()
    if not path.is_relative_to(top):
        return None
    try:
        content = read_regular(path, SIZE_MAX + 1)
    except (OSError, SpecialFileError):
        return None
    return content if content.startswith(_PNG) and len(content) <= SIZE_MAX else None

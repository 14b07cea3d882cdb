"""Names of metrics and images as paths of files and as keys in `metrics.json`. No name leads out of its directory."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from typing import Final

from dver.core.errors import UsageError

_UNSAFE: Final = re.compile(r'[\x00-\x1f\x7f"]|%(?=[0-9A-F]{2})|[\ud800-\udfff]')
"""What a file name or a column name cannot hold, and what would look like an escape of that."""
_LONGEST: Final = 200
"""The longest part of a file name in bytes; file systems allow 255."""
_HASH: Final = 12


def name_parts(name: object) -> tuple[str, ...]:
    """The parts of a name between slashes. Raises UsageError for a name without any."""
    parts = tuple(part for part in name.split("/") if part) if isinstance(name, str) else ()
    if not parts:
        raise UsageError(f"{name!r} cannot be the name of a metric", fix='use text, such as "train/loss"')
    return parts


def file_path(parts: Iterable[str], suffix: str = "") -> str:
    """The relative path of the file for a name. Each part is a plain file name; no two names share a path."""
    *above, last = (_file_name(part) for part in parts)
    # A metric `a.tsv/b` must not need a directory where metric `a` has its file.
    if suffix:
        above = [part.removesuffix(suffix) + "%2E" + suffix[1:] if part.endswith(suffix) else part for part in above]
    return os.path.join(*above, last + suffix)


def _file_name(part: str) -> str:
    if part in (".", ".."):
        return part.replace(".", "%2E")
    name = _UNSAFE.sub(lambda found: "".join(f"%{byte:02X}" for byte in _encoded(found[0])), part)
    if len(_encoded(name)) <= _LONGEST:
        return name
    from hashlib import sha256  # rarely needed

    short = _encoded(name)[: _LONGEST - _HASH - 1].decode(errors="ignore")
    return f"{short}-{sha256(_encoded(name)).hexdigest()[:_HASH]}"


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")

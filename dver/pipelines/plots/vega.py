"""Vega: its JavaScript for the page, and PNG files without a browser.

It is an optional package because of its size (docs/decisions/dependencies.md).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from dver.core.errors import PipelineError, RepositoryError
from dver.core.files import write_atomic

_SNIPPET: Final = "window.vegaEmbed = vegaEmbed;"
_SCALE: Final = 2.0


def javascript(kept: Path) -> str:
    """The script that defines `vegaEmbed`. It takes over a second to build, so `kept` caches it. Raises RepositoryError
    without the optional package."""
    engine = _engine()
    path = kept / f"vega-{engine.__version__}.js"
    with suppress(OSError, UnicodeDecodeError):
        return path.read_text("utf-8")
    made: str = engine.javascript_bundle(_SNIPPET)
    with suppress(OSError):  # a folder that cannot be written to only costs time
        kept.mkdir(parents=True, exist_ok=True)
        write_atomic(path, made.encode(), durable=False)
        for other in set(kept.glob("vega-*.js")) - {path}:
            other.unlink(missing_ok=True)
    return made


def to_png(spec: Mapping[str, Any], name: str) -> bytes:
    """Draw a specification without loading anything. Raises PipelineError if that fails."""
    engine = _engine()
    text = json.dumps(spec, ensure_ascii=False).encode("utf-8", "replace").decode()  # without halves of characters
    try:
        found: bytes = engine.vegalite_to_png(text, scale=_SCALE, allowed_base_urls=[])
    except ValueError as error:
        raise PipelineError(f"{name!r} cannot be drawn", why=" ".join(str(error).split("\n")[:2]).strip()) from error
    return found


def _engine() -> Any:
    try:
        import vl_convert
    except ImportError as error:
        raise RepositoryError(
            "plots need the package vl-convert-python", why="it is not installed", fix="pip install 'dver[plots]'"
        ) from error
    return vl_convert

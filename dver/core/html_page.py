"""Pages of HTML that stand alone: one file that loads nothing from the network."""

from __future__ import annotations

import html
import json
import os
from pathlib import Path

from dver.core.errors import ConflictError
from dver.core.files import read_regular


def mark_of(verb: str) -> bytes:
    """The beginning of each page that `dver VERB` writes, by which dver recognizes its own pages."""
    return f"<!DOCTYPE html>\n<!-- made by dver {verb} -->\n".encode()


def render_document(mark: bytes, title: str, body: str, *, style: str, policy: str) -> bytes:
    """A page with the elements `body` and the CSS `style`. `policy` is its Content-Security-Policy."""
    text = (
        f'<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{html.escape(policy)}">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n{body}</body>\n</html>\n"
    )
    return mark + text.encode("utf-8", "replace")


def script_json(value: object) -> str:
    """JSON for a script element, in which HTML sees nothing else: no tag and no comment can begin in it."""
    text = json.dumps(value, allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def refuse_foreign_page(path: Path, mark: bytes, noun: str) -> None:
    """Raise ConflictError if `path` exists and is no page that begins with `mark`."""
    if not path.exists() or (path.is_file() and read_regular(path, len(mark)) == mark):
        return
    raise ConflictError(
        f"{os.path.normpath(path)!r} already exists and is not a page of {noun}",
        why="dver would overwrite it",
        fix="choose another file, or remove it",
    )

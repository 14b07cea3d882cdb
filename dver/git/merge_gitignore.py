"""Merges of `.gitignore`, where two branches that each tracked data added a line at the end."""

from __future__ import annotations

from dver.git.gitignore import merge_sets
from dver.git.merge_lines import hunks, merge_lines


def merge_ignore_files(base: bytes, ours: bytes, theirs: bytes) -> bytes | None:
    """Three files merged line by line, and as sets where only dver's lines are in conflict; otherwise None."""
    merged = merge_lines(base, ours, theirs)
    if merged is not None:
        return merged
    # Without a line feed at its end, a last line would differ from the same line with another after it.
    pieces = hunks(*(text if not text or text.endswith(b"\n") else text + b"\n" for text in (base, ours, theirs)))
    if pieces is None:
        return None
    merged_pieces = [one.ours if one.ours == one.theirs else merge_sets(*one) for one in pieces]
    done = [one for one in merged_pieces if one is not None]
    return b"".join(done) if len(done) == len(merged_pieces) else None

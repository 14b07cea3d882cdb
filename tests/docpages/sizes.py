"""Writes docs/format/sizes.md from the constants in the code: `PYTHONPATH=tests python -m docpages.sizes FILE`."""

from __future__ import annotations

import sys
from pathlib import Path

from dver.experiments import entries, experiment_log
from dver.formats import experiment, lock, measurements, monitor_history, pack, pointer, tree
from dver.git import pointers
from dver.store import writer
from dver.store.objects import chunking
from dver.workspace.scan import stat_cache

SIZES = {
    "pack.md": {
        "header": f"{len(pack.HEADER)} bytes",
        "header of a frame": f"{pack.FRAME_HEADER_SIZE} bytes",
        "checked fields of that header": f"{pack.FIELDS_SIZE} bytes",
        "row of the footer": f"{pack.ROW_SIZE} bytes",
        "trailer": f"{pack.TRAILER_SIZE} bytes",
        "size at which a pack is closed": f"{pack.TARGET_SIZE >> 20} MiB",
    },
    "tree.md": {
        "entries of the largest tree without shards": f"{tree.LEAF_MAX:,}",
        "average entries of a shard": f"{tree.SHARD_MASK + 1:,}",
        "most entries of a shard": f"{tree.SHARD_MAX:,}",
    },
    "recipe.md": {
        "smallest chunk": f"{chunking.MINIMUM >> 10} KiB",
        "average chunk": f"{chunking.AVERAGE >> 10} KiB",
        "largest chunk": f"{chunking.MAXIMUM >> 10} KiB",
    },
    "store.md": {
        "largest blob that stays whole in a pack": f"{writer.LARGE >> 20} MiB",
        "key of a file in the stat cache": f"{stat_cache.KEY_SIZE} bytes",
    },
    "pointer.md": {
        "largest pointer that is read": f"{pointer.MAX_SIZE >> 10} KiB",
        "largest blob of Git that is read as a pointer": f"{pointers.MAX_BLOB >> 20} MiB",
    },
    "lock.md": {"largest lock file": f"{lock.MAX_SIZE >> 20} MiB"},
    "monitoring.md": {"largest history of a monitor": f"{monitor_history.MAX_SIZE >> 20} MiB"},
    "measurements.md": {"largest measurements of a kind": f"{measurements.MAX_SIZE >> 20:,} MiB"},
    "experiment.md": {
        "largest message of a journal entry": f"{experiment.MAX_SIZE >> 20} MiB",
        "most records in an entry": f"{entries.BATCH:,}",
        "end of a log in a journal": f"{experiment_log.TAIL >> 10} KiB",
    },
}


def page() -> str:
    """The page as Markdown."""
    rows = [f"| [{name}]({name}) | {what} | {size} |" for name, sizes in SIZES.items() for what, size in sizes.items()]
    return "\n".join(
        [
            "# Sizes and limits",
            "",
            "Written from the code by `make docs`.",
            "",
            "| Format | What | Size |",
            "|---|---|---|",
            *rows,
            "",
        ]
    )


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page())

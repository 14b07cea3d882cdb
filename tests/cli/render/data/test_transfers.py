"""The JSON form of downloads, which scripts read."""

from __future__ import annotations

from dver.cli.render.data.transfers import downloads_json
from dver.cli.render.json_output import simplified
from dver.core.oid import Oid
from dver.remote.transfer.fetch import DownloadResult
from dver.store.trees.reachable import MissingObject

OID = Oid.of(b"lost")
RESULT = DownloadResult(
    "origin", "/r", 2, 5, 700, missing=(MissingObject(b"data/a", OID, 9),), runs=3, damaged_runs=("runs/x",)
)


def test_a_download_says_what_was_received_and_what_is_missing() -> None:
    [found] = simplified(downloads_json([RESULT], dry_run=False))
    assert list(found) == ["remote", "url", "files", "objects", "size", "result", "runs", "profiles", "damaged_runs"]
    assert (found["remote"], found["url"], found["files"], found["objects"], found["size"]) == (
        "origin",
        "/r",
        2,
        5,
        700,
    )
    assert (found["runs"], found["damaged_runs"]) == (3, ["runs/x"])
    assert found["result"] == {
        "files": 2,
        "objects": 5,
        "bytes_received": 700,
        "missing": [{"path": "data/a", "oid": str(OID), "size": 9}],
        "corrupt": [],
        "is_remote_empty": False,
    }


def test_a_dry_run_has_received_nothing() -> None:
    [found] = simplified(downloads_json([RESULT], dry_run=True))
    assert (found["files"], found["objects"], found["size"]) == (2, 5, 700)
    assert found["result"] == {
        "files": 0,
        "objects": 0,
        "bytes_received": 0,
        "missing": [],
        "corrupt": [],
        "is_remote_empty": False,
    }

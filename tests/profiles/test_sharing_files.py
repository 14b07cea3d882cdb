"""Many files, profiled by several processes. They run in a process of their own: pytest's threads forbid to fork."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

_PROGRAM = """
import os, sys
from pathlib import Path
from dver.profiles import sharing_files
from dver.profiles.settings import EVERYTHING

used = []
class Pool(sharing_files.WorkerPool):
    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        used.append(len(self))
sharing_files.WorkerPool = Pool

def profiles(processes):
    paths = [one for one in sorted(Path(sys.argv[1]).iterdir())]
    files = [sharing_files.UnprofiledFile(os.fsencode(one), one.name, one.stat().st_size) for one in paths]
    found = sharing_files.profile_files(files, EVERYTHING, processes=processes)
    return {file.name: answer for file, answer in found}
"""


def _run(folder: Path, program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM + program, str(folder)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert not done.stderr
    return done.stdout


def _write(folder: Path) -> Path:
    """Thirty tables in three formats, large enough for several processes."""
    folder.mkdir()
    for at in range(10):
        rows = [{"id": at * one, "price": one / 7, "color": "rgb"[one % 3]} for one in range(4000)]
        pq.write_table(pa.Table.from_pylist(rows), folder / f"{at}.parquet")
        lines = [f"{row['id']},{row['price']},{row['color']}\n" for row in rows]
        (folder / f"{at}.csv").write_text("id,price,color\n" + "".join(lines))
        (folder / f"{at}.jsonl").write_text("".join(f'{{"id":{row["id"]},"color":"{row["color"]}"}}\n' for row in rows))
    return folder


def test_profiles_do_not_depend_on_the_number_of_processes(tmp_path: Path) -> None:
    program = "print(len(profiles(1)), profiles(1) == profiles(2) == profiles(4), used)"
    assert _run(_write(tmp_path / "data"), program) == "30 True [0, 0, 2, 4]\n"


def test_few_small_files_need_no_other_process(tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("a,b\n1,x\n")
    assert _run(tmp_path, "print(profiles(4)['b.csv'].columns, used)") == "('a', 'b') [0]\n"


def test_a_damaged_file_is_named_with_its_row_and_the_others_are_profiled(tmp_path: Path) -> None:
    (_write(tmp_path / "data") / "7.csv").write_text("a,b\n1,2\n3\n")
    program = "found = profiles(2)\nprint(found.pop('7.csv'), {type(one).__name__ for one in found.values()}, used)"
    assert _run(tmp_path / "data", program) == (
        "cannot be read at row 2: it has 1 field, and the header 2 {'EncodedTable'} [2]\n"
    )


def test_a_file_that_is_deleted_meanwhile_is_an_error_and_no_process_is_left(tmp_path: Path) -> None:
    program = """
folder = Path(sys.argv[1])
files = [sharing_files.UnprofiledFile(os.fsencode(one), one.name, 1 << 20) for one in folder.iterdir()]
(folder / "3.csv").unlink()
try:
    list(sharing_files.profile_files(files, EVERYTHING, processes=2))
except FileNotFoundError as error:
    print("3.csv" in str(error))
try:
    os.waitpid(-1, 0)
except ChildProcessError:
    print("no process is left")
"""
    assert _run(_write(tmp_path / "data"), program) == "True\nno process is left\n"


def test_ctrl_c_ends_processes_that_read_large_files(tmp_path: Path) -> None:
    for name in ("a", "b"):  # seconds of work
        with open(tmp_path / f"{name}.csv", "wb") as file:
            file.write(b"a,b,c,d\n")
            file.writelines(b"1.25,2,text,2026-01-01\n" * 50_000 for _ in range(100))
    program = """
files = [sharing_files.UnprofiledFile(os.fsencode(one), one.name, 5 << 20) for one in Path(sys.argv[1]).iterdir()]
print("started", flush=True)
try:
    list(sharing_files.profile_files(files, EVERYTHING, processes=2))
except KeyboardInterrupt:
    print("interrupted")
"""
    command = [sys.executable, "-c", _PROGRAM + program, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as started:
        assert started.stdout is not None
        assert started.stdout.readline() == "started\n"
        children = Path(f"/proc/{started.pid}/task/{started.pid}/children")
        while len(pids := children.read_text().split()) < 2:
            time.sleep(0.01)
        time.sleep(0.3)
        for pid in pids:  # it may reach them first
            os.kill(int(pid), signal.SIGINT)
        time.sleep(0.1)
        os.killpg(started.pid, signal.SIGINT)
        # Reading to the end of the output waits for all that hold it open.
        assert started.stdout.read() == "interrupted\n"
    assert not any(Path("/proc", pid).exists() for pid in pids)

"""A pool in a process of its own: pytest's threads forbid to fork in the test's."""

from __future__ import annotations

import subprocess
import sys
import textwrap

from dver.core.worker_pool import split_evenly


def _run(script: str) -> subprocess.CompletedProcess[str]:
    head = """
        import os, signal, sys
        from dver.core.worker_pool import WorkerPool
        from dver.core.errors import ConflictError, DverError

        class Doubler:
            def __init__(self):
                self.seen = 0
            def do(self, job, report):
                report(len(job) if isinstance(job, bytes) else 1)
                self.seen += 1
                if job == "fail":
                    raise ConflictError("no", why="because", fix="do not")
                if job == "die":
                    os.kill(os.getpid(), signal.SIGKILL)
                return [job * 2, os.getpid()]
            def finish(self):
                if self.seen == 3:
                    raise ConflictError("three are too many")
    """
    code = textwrap.dedent(head) + textwrap.dedent(script)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)


def test_members_work_in_processes_of_their_own_and_answer_in_order() -> None:
    done = _run("""
        with WorkerPool(Doubler, size=3) as pool:
            assert len(pool) == 2
            pool.start_jobs([20, b"ab"])
            (first, one), (second, other) = pool.answers(2)
            assert (first, second) == (40, b"abab")
            assert len({one, other, os.getpid()}) == 3
        print("ended")
    """)
    assert (done.stdout, done.stderr) == ("ended\n", "")


def test_a_large_job_and_a_large_answer_pass_through_the_pipes() -> None:
    done = _run("""
        with WorkerPool(Doubler, size=2) as pool:
            pool.start_jobs([b"x" * 5_000_000])
            ((answer, _),) = pool.answers(1)
            print(len(answer))
    """)
    assert done.stdout == "10000000\n", done.stderr


def test_what_members_report_arrives_while_they_work() -> None:
    done = _run("""
        class Waiter:
            def do(self, job, report):
                for amount in (1, 10):
                    report(amount)
                os.read(job, 1)  # nothing comes before both reports have
                report(100)
                return "answer"
            def finish(self):
                pass

        go, tell = os.pipe()
        with WorkerPool(Waiter, size=3) as pool:
            pool.start_jobs([go, go])
            reports = []
            while len(reports) < 4:
                pool.relay_reports(reports.append, wait=True)
            pool.relay_reports(reports.append)
            print(sorted(reports))
            os.write(tell, b"..")
            print(pool.answers(2, reports.append), sum(reports))
    """)
    assert done.stdout == "[1, 1, 10, 10]\n['answer', 'answer'] 222\n", done.stderr


def test_an_answer_that_comes_while_reports_are_read_is_kept() -> None:
    done = _run("""
        with WorkerPool(Doubler, size=2) as pool:
            for job in (b"ab", "die"):
                pool.start_jobs([job])
                seen = []
                while pool._working:
                    pool.relay_reports(seen.append, wait=True)
                try:
                    print(seen, pool.answers(1)[0][0])
                except DverError as error:
                    print(error.what)
                    pool.abandon()
    """)
    assert done.stdout == "[2] b'abab'\na worker process died\n", done.stderr


def test_members_get_the_next_job_when_they_have_done_one() -> None:
    done = _run("""
        with WorkerPool(Doubler, size=3) as pool:
            answers = list(pool.answers_as_they_come(iter([b"x" * 1_000_000, *range(20)])))
            print(sorted(answer for answer, _ in answers if isinstance(answer, int)) == list(range(0, 40, 2)))
            print(len(answers), len({pid for _, pid in answers}))
            print(list(pool.answers_as_they_come([])))
    """)
    assert done.stdout == "True\n21 2\n[]\n", done.stderr


def test_an_error_ends_killable_members_in_their_jobs() -> None:
    done = _run("""
        class Waiter:
            def do(self, job, report):
                signal.pause()
            def finish(self):
                pass

        try:
            with WorkerPool(Waiter, size=3, killable=True) as pool:
                pool.start_jobs([1, 2])
                raise ConflictError("no")
        except ConflictError as error:
            print(error.what)
    """)
    assert done.stdout == "no\n", done.stderr


def test_an_error_of_a_member_is_raised_with_its_reason_and_fix() -> None:
    done = _run("""
        with WorkerPool(Doubler, size=2) as pool:
            pool.start_jobs(["fail"])
            try:
                pool.answers(1)
            except ConflictError as error:
                print(error.what, error.why, error.fix)
            pool.start_jobs(["a"])
            print(pool.answers(1)[0][0])
    """)
    assert done.stdout == "no because do not\naa\n", done.stderr


def test_an_error_while_finishing_is_raised_too() -> None:
    done = _run("""
        try:
            with WorkerPool(Doubler, size=2) as pool:
                for job in range(3):
                    pool.start_jobs([job])
                    pool.answers(1)
        except ConflictError as error:
            print(error.what)
    """)
    assert done.stdout == "three are too many\n", done.stderr


def test_a_member_that_is_killed_is_an_error_and_not_a_hang() -> None:
    done = _run("""
        try:
            with WorkerPool(Doubler, size=2) as pool:
                pool.start_jobs(["die"])
                pool.answers(1)
        except DverError as error:
            print(error.what)
    """)
    assert done.stdout == "a worker process died\n", done.stderr


def test_no_member_outlives_the_process_that_made_it() -> None:
    done = _run("""
        pool = WorkerPool(Doubler, size=3)
        pool.start_jobs([1, 2])
        pids = [pid for _, pid in pool.answers(2)]
        print(*pids, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    """)
    # Reading to the end of the output, as subprocess does, waits for all who hold it open: the members too.
    assert len(done.stdout.split()) == 2


def test_a_process_with_threads_is_not_forked() -> None:
    done = _run("""
        import threading
        stop = threading.Event()
        threading.Thread(target=stop.wait, daemon=True).start()
        print(len(WorkerPool(Doubler, size=4)))
    """)
    assert done.stdout == "0\n", done.stderr


def test_work_is_shared_out_evenly_and_in_order() -> None:
    assert split_evenly([1, 2, 3, 4, 5], 2) == [[1, 2, 3], [4, 5]]
    assert split_evenly([1], 3) == [[1], [], []]

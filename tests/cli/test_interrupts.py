from __future__ import annotations

import subprocess
import sys

SESSION = """
import time
from dver.cli.interrupts import redeliver_interrupts

class Finalized:
    def __init__(self, error):
        self.error = error
    def __del__(self):
        raise self.error

redeliver_interrupts()
Finalized(ValueError("shown"))
try:
    Finalized(KeyboardInterrupt())
    time.sleep(600)
except KeyboardInterrupt:
    print("stopped")
"""


def test_an_interrupt_that_a_finalizer_drops_stops_the_program() -> None:
    done = subprocess.run([sys.executable, "-c", SESSION], capture_output=True, text=True, timeout=60)
    assert done.stdout == "stopped\n"
    assert "ValueError: shown" in done.stderr
    assert "KeyboardInterrupt" not in done.stderr

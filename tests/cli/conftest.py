"""Commands made up for a test, run by the real entry point in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from textwrap import dedent, indent

import pytest
from support import Result

_PROGRAM = """\
import os, sys, time, types
import click
from dver.cli import options
from dver.__main__ import run
from dver.core.errors import *

@options.command()
@options.json_option
@click.pass_obj
def command(ctx, *, as_json):
    "Show changed data and stages that are out of date."
{body}

stand_in = types.ModuleType("dver.cli.commands.inspect.status")
stand_in.command = command
sys.modules[stand_in.__name__] = stand_in
run()
"""

StandIn = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def start_stand_in() -> StandIn:
    """Starts `dver ARGS...` where the body of `dver status` is the given Python code."""

    def start(body: str, *args: str, stdout: int = subprocess.PIPE, **env: str) -> subprocess.Popen[bytes]:
        program = _PROGRAM.format(body=indent(dedent(body), "    "))
        command = [sys.executable, "-c", program, *(args or ("status",))]
        return subprocess.Popen(command, stdout=stdout, stderr=subprocess.PIPE, env={**os.environ, **env})

    return start


@pytest.fixture
def stand_in(start_stand_in: StandIn) -> Callable[..., Result]:
    """Like `start_stand_in`, and waits for the end."""

    def run(body: str, *args: str, **env: str) -> Result:
        process = start_stand_in(body, *args, **env)
        out, err = process.communicate(timeout=60)
        return Result(process.returncode, os.fsdecode(out), os.fsdecode(err))

    return run

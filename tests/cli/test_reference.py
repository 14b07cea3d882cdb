"""The table of verbs, the commands' own help, and docs/cli.md agree."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from dver.cli.main import cli
from dver.cli.options import Command, Group
from dver.cli.reference import reference
from dver.cli.verbs import SUMMARIES

ROOT = Path(__file__).parents[2]


def command_of(verb: str) -> click.Command:
    command = cli.get_command(click.Context(cli), verb)
    assert command is not None
    return command


def test_the_reference_is_up_to_date() -> None:
    assert (ROOT / "docs" / "cli.md").read_text(encoding="utf-8") == reference(), "run `make docs`"


@pytest.mark.parametrize("verb", SUMMARIES)
def test_the_help_of_a_verb_begins_with_its_summary(verb: str) -> None:
    assert (command_of(verb).help or "").splitlines()[0] == SUMMARIES[verb]


@pytest.mark.parametrize("verb", SUMMARIES)
def test_every_verb_has_the_common_options_and_examples_of_itself(verb: str) -> None:
    command = command_of(verb)
    assert isinstance(command, (Command, Group))
    assert command.examples
    assert all(f"dver {verb}" in line for line, _ in command.examples)


@pytest.mark.parametrize("verb", SUMMARIES)
def test_every_option_is_explained(verb: str) -> None:
    command = command_of(verb)
    parts = [command, *(command.commands.values() if isinstance(command, click.Group) else ())]
    for part in parts:
        unexplained = [p.opts for p in part.params if isinstance(p, click.Option) and not p.help]
        assert not unexplained


@pytest.mark.parametrize("verb", ["status", "diff", "ls", "doctor", "version"])
def test_reading_verbs_speak_json(verb: str) -> None:
    assert any("--json" in param.opts for param in command_of(verb).params)


@pytest.mark.parametrize("verb", ["status", "diff"])
def test_status_and_diff_answer_with_an_exit_code(verb: str) -> None:
    assert any("--exit-code" in param.opts for param in command_of(verb).params)

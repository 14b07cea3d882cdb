from __future__ import annotations

from importlib.util import find_spec

import pytest

from dver.cli.verbs import HIDDEN, SUMMARIES, module_of


@pytest.mark.parametrize("verb", [*SUMMARIES, *sorted(HIDDEN)])
def test_every_verb_has_a_module(verb: str) -> None:
    assert find_spec(module_of(verb)) is not None


def test_verbs_for_git_are_not_listed() -> None:
    assert HIDDEN.isdisjoint(SUMMARIES)
    assert module_of("merge-driver") == "dver.cli.commands.git.merge_driver"


@pytest.mark.parametrize("verb", SUMMARIES)
def test_a_summary_is_one_short_imperative_line(verb: str) -> None:
    summary = SUMMARIES[verb]
    assert summary[0].isupper()
    assert summary.endswith(".")
    assert len(summary) <= 62

from __future__ import annotations

import pytest

from dver.cli.dvc_hints import OPTIONS, VERBS, for_option
from dver.cli.verbs import HIDDEN, SUMMARIES


@pytest.mark.parametrize(
    ("verb", "option", "hint"),
    [
        ("dver ls", "--dvc-only", "leave it out: only data that dver tracks is listed"),
        ("dver push", "--recursive", "leave it out: a directory includes everything below it"),
        ("dver status", "--cloud", "use `dver status --remote`"),
        ("dver push", "--no-such", None),
        ("dver nothing", "-R", None),
    ],
)
def test_an_option_of_dvc_has_a_replacement_in_its_short_and_long_form(
    verb: str, option: str, hint: str | None
) -> None:
    assert for_option(verb, option) == hint


def test_no_verb_of_dver_has_a_replacement() -> None:
    names = {verb.removeprefix("dver ") for verb in VERBS}
    assert names.isdisjoint(SUMMARIES)
    assert names.isdisjoint(HIDDEN)


def test_hints_for_options_belong_to_verbs_of_dver() -> None:
    assert {verb.split()[1] for verb in OPTIONS} <= set(SUMMARIES)

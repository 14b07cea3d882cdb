"""Stages put into the text of a `dver.yaml`, whatever it looks like, and everything else left as it is."""

from __future__ import annotations

import contextlib
import random

import pytest

from dver.core.errors import PipelineError
from dver.pipelines.definition.edit import add_stage, remove_stage, set_frozen

NEW = {"cmd": "python new.py", "deps": ["data"], "outs": [{"model": {"cache": False}}]}


def added(text: str, stage: str = "new", *, replace: bool = False) -> str:
    return add_stage(text.encode(), stage, NEW, name="dver.yaml", replace=replace).decode()


BLOCK = """\
  new:
    cmd: python new.py
    deps:
    - data
    outs:
    - model:
        cache: false
"""


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", f"stages:\n{BLOCK}"),
        ("# only a comment\n", f"# only a comment\nstages:\n{BLOCK}"),
        ("# no end", f"# no end\nstages:\n{BLOCK}"),
        ("---\n# c\n...\n", f"---\n# c\nstages:\n{BLOCK}...\n"),
        ("stages:\n", f"stages:\n{BLOCK}"),
        ("stages:", f"stages:\n{BLOCK}"),
        ("stages:   # none yet\n", f"stages:   # none yet\n{BLOCK}"),
        ("stages: {}\n", f"stages:\n{BLOCK}"),
        ("stages: { }  # none\nplots: []\n", f"stages:  # none\n{BLOCK}plots: []\n"),
        ("stages: null\n", f"stages:\n{BLOCK}"),
        ("stages: ~\n  # later\nvars: []\n", f"stages:\n  # later\n{BLOCK}vars: []\n"),
        ("vars: []\n", f"vars: []\nstages:\n{BLOCK}"),
        ("vars: []\n\nmetrics: []\n# end\n\n", f"vars: []\n\nmetrics: []\n# end\n\nstages:\n{BLOCK}\n"),
        ("stages:\n  a:\n    cmd: x", f"stages:\n  a:\n    cmd: x\n{BLOCK}"),
        ("stages:\n  a: {cmd: x}\n", f"stages:\n  a: {{cmd: x}}\n{BLOCK}"),
        ("stages:\n  a: {cmd: x,\n  deps: [b]}  # c\n", f"stages:\n  a: {{cmd: x,\n  deps: [b]}}  # c\n{BLOCK}"),
        (
            "stages:\n  a:\n    cmd: x\n    # of a\n  # b:\n  #   cmd: y\n# of plots\nplots: []\n",
            f"stages:\n  a:\n    cmd: x\n    # of a\n  # b:\n  #   cmd: y\n{BLOCK}# of plots\nplots: []\n",
        ),
        (
            "stages:\n  a:\n    cmd: x\n\n  b:\n    cmd: y\n\nplots: []\n",
            f"stages:\n  a:\n    cmd: x\n\n  b:\n    cmd: y\n\n{BLOCK}\nplots: []\n",
        ),
        (
            "stages:\n  a:\n    cmd: |\n      x\n      y\n\n\nplots: []\n",
            f"stages:\n  a:\n    cmd: |\n      x\n      y\n{BLOCK}\n\nplots: []\n",
        ),
        (
            "stages:\n  a:\n    cmd: x\n    desc: |+\n      y\n\n\nplots: []\n",
            f"stages:\n  a:\n    cmd: x\n    desc: |+\n      y\n\n\n{BLOCK}plots: []\n",
        ),
        (
            "stages:\n  a:\n    cmd: >-\n      x\n     \n      y",
            f"stages:\n  a:\n    cmd: >-\n      x\n     \n      y\n{BLOCK}",
        ),
        (
            'stages:\n  "a": # why\n    cmd: "x\n      y"  # end\n #\ta tab\nvars:\t# too\n- {b: 1}\n',
            f'stages:\n  "a": # why\n    cmd: "x\n      y"  # end\n{BLOCK} #\ta tab\nvars:\t# too\n- {{b: 1}}\n',
        ),
        (
            "x-base: &base {cmd: x}\nstages:\n  a:\n    <<: *base\n  b: *base\n",
            f"x-base: &base {{cmd: x}}\nstages:\n  a:\n    <<: *base\n  b: *base\n{BLOCK}",
        ),
    ],
)
def test_a_stage_is_put_in_and_nothing_else_changes(before: str, after: str) -> None:
    assert added(before) == after


def test_the_indentation_that_is_there_is_kept() -> None:
    before = "stages:\n    a:\n        cmd: x\nvars: []\n"
    new = "    new:\n        cmd: python new.py\n        deps:\n        - data\n        outs:\n        - model:\n"
    assert added(before) == f"stages:\n    a:\n        cmd: x\n{new}              cache: false\nvars: []\n"


@pytest.mark.parametrize("eol", ["\r\n", "\n", "\r"])
@pytest.mark.parametrize("ended", [True, False])
def test_line_endings_are_those_of_the_file(eol: str, ended: bool) -> None:
    before = f"stages:{eol}  a:{eol}    cmd: x" + eol * ended
    assert added(before) == before + eol * (not ended) + BLOCK.replace("\n", eol)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("stages: {a: {cmd: x}}\n", "stages: {a: {cmd: x}, NEW}\n"),
        ("stages: {a: {cmd: x}, }\n", "stages: {a: {cmd: x}, NEW, }\n"),
        ("stages: {a: {cmd: x} # c, d\n}\n", "stages: {a: {cmd: x}, NEW # c, d\n}\n"),
        ("stages: {a: {cmd: x} # c, d\n , # e\n}\n", "stages: {a: {cmd: x} # c, d\n , NEW, # e\n}\n"),
        ("stages: {\n}\n", "stages: {\nNEW}\n"),
        ('{"stages": {"a": {"cmd": "x"}}}', '{"stages": {"a": {"cmd": "x"}, NEW}}'),
        ("{}", "{stages: {NEW}}"),
        ("{vars: []}", "{vars: [], stages: {NEW}}"),
    ],
)
def test_a_stage_is_put_into_braces(before: str, after: str) -> None:
    new = "new: {cmd: python new.py, deps: [data], outs: [{model: {cache: false}}]}"
    assert added(before) == after.replace("NEW", new)


def test_a_byte_order_mark_and_other_scripts_stay() -> None:
    before = "\ufeffstages:\n  a:\n    cmd: \u00e9\U0001f600 # \u4e2d\n"
    assert added(before) == before + BLOCK


def test_a_stage_takes_the_place_of_another_with_its_own_lines_only() -> None:
    before = (
        "stages:\n  # of a\n  a:  # here\n    cmd: x\n    # in a\n    deps: [y]  # dep\n    # after\n  b: {cmd: y}\n"
    )
    after = "stages:\n  # of a\n" + BLOCK.replace("new:", "a:") + "    # after\n  b: {cmd: y}\n"
    assert added(before, "a", replace=True) == after
    assert added("stages: {a: {cmd: x}, b: {cmd: y}}", "a", replace=True).endswith("{cache: false}}]}, b: {cmd: y}}")
    assert (
        added("stages:\n  a:\n    cmd: x", "a", replace=True) == ("stages:\n" + BLOCK.replace("new", "a", 1)).rstrip()
    )


def test_a_name_that_is_taken_is_refused() -> None:
    with pytest.raises(PipelineError, match="stage 'a' already exists"):
        added("stages:\n  a: {cmd: x}\n", "a")


@pytest.mark.parametrize(
    "text",
    [
        "x-s: &s {a: {cmd: x}}\nstages: *s\n",
        "stages:\n  b: &b {cmd: x}\n  a: &a\n    cmd: y\n  c: *a\n",
        "stages:\n  ? a\n  : cmd: x\n",
        "stages:\n  <<: {a: {cmd: y}}\n",
    ],
)
def test_what_cannot_be_replaced_safely_is_left_alone(text: str) -> None:
    with pytest.raises(PipelineError, match="cannot be changed safely"):
        added(text, "a", replace=True)


def test_what_is_no_utf8_is_left_alone() -> None:
    with pytest.raises(PipelineError, match="cannot be changed") as raised:
        add_stage("stages: {}\n".encode("utf-16"), "a", NEW, name="dver.yaml")
    assert raised.value.why == "it is not UTF-8"


FROZEN = [
    (
        "stages:\n  a:\n    cmd: x\n    # c\n  b: {cmd: y}\n",
        "stages:\n  a:\n    cmd: x\n    frozen: true\n    # c\n  b: {cmd: y}\n",
    ),
    ("stages:\n  a: {cmd: x}\n", "stages:\n  a: {cmd: x, frozen: true}\n"),
    ("stages:\r\n  a:\r\n    cmd: x", "stages:\r\n  a:\r\n    cmd: x\r\n    frozen: true\r\n"),
    (
        "stages:\n  a:\n    foreach: [1]\n    do:\n      cmd: x\n",
        "stages:\n  a:\n    foreach: [1]\n    do:\n      cmd: x\n      frozen: true\n",
    ),
    ("stages:\n  a:\n    frozen: false # no\n    cmd: x\n", "stages:\n  a:\n    frozen: true # no\n    cmd: x\n"),
]


@pytest.mark.parametrize(("before", "after"), FROZEN)
def test_a_stage_is_frozen(before: str, after: str) -> None:
    assert set_frozen(before.encode(), "a", True, name="dver.yaml").decode() == after
    assert set_frozen(after.encode(), "a", True, name="dver.yaml").decode() == after


def test_a_stage_is_not_frozen_any_more() -> None:
    def thawed(text: str) -> str:
        return set_frozen(text.encode(), "a", False, name="dver.yaml").decode()

    assert thawed("stages:\n  a:\n    frozen: true\n    cmd: x\n") == "stages:\n  a:\n    cmd: x\n"
    assert thawed("stages:\n  a:\n    cmd: x\n    frozen: true") == "stages:\n  a:\n    cmd: x\n"
    assert thawed("stages:\n  a:\n    frozen: true  # why\n    cmd: x\n").count("frozen: false  # why") == 1
    assert thawed("stages:\n  a: {frozen: true, cmd: x}\n") == "stages:\n  a: {frozen: false, cmd: x}\n"
    base = "x-base: &base {frozen: true}\nstages:\n  a:\n    <<: *base\n    cmd: x\n"
    assert thawed(base) == base + "    frozen: false\n"
    assert thawed("stages:\n  a:\n    cmd: x\n") == "stages:\n  a:\n    cmd: x\n"


def test_a_stage_that_is_an_alias_is_not_frozen() -> None:
    with pytest.raises(PipelineError, match="cannot be changed safely"):
        set_frozen(b"stages:\n  b: &b {cmd: x}\n  a: *b\n", "a", True, name="dver.yaml")


_LINES = [
    "stages:",
    "stages: {}",
    "stages: {a: {cmd: x}, }",
    "'stages':",
    "  a:",
    "    cmd: x",
    "    deps: [b]",
    "  b: {cmd: y}",
    "# c",
    "  # c",
    "    # c",
    "",
    "    desc: |",
    "    desc: |+",
    "    cmd: >-",
    "      text",
    "      ",
    "    frozen: true",
    "    frozen: false # x",
    "vars: []",
    "- x",
    "---",
    "...",
    "  'q r': &a",
    "  c: *a",
    "    <<: *a",
    '    desc: "two',
    '      lines"',
    "  ? x",
    "  : cmd: z",
    "    outs:",
    "    - o",
    "    - p: {cache: false}",
    "  e: !!map",
    "    foreach: [1]",
    "    do:",
    "      cmd: k",
]


def shared(one: str, other: str) -> int:
    """How many characters both begin with."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (left, right) in pairs if left != right), min(len(one), len(other)))


@pytest.mark.parametrize("seed", range(10))
def test_whatever_the_file_looks_like_text_is_put_in_at_one_place_or_nothing_is_changed(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(200):
        lines = ["stages:", "  a:", "    cmd: x", "  # c", "  b: {cmd: y}", "", "vars: []"]
        for _ in range(chance.randrange(1, 6)):
            lines.insert(chance.randrange(len(lines) + 1), chance.choice(_LINES))
            del lines[chance.randrange(len(lines)) if chance.random() < 0.3 else len(lines) :]
        text = chance.choice(["\n", "\r\n"]).join(lines) + chance.choice(["", "\n", "\n\n"])
        with contextlib.suppress(PipelineError):
            after = added(text)
            begin = shared(text, after)
            end = shared(text[begin:][::-1], after[begin:][::-1])
            left = text[begin : len(text) - end]
            assert left.split("#")[0].strip() in ("", "{}"), (text, after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("stages:\n  a: {cmd: x}\n  b:\n    cmd: y # why\n", "stages:\n  a: {cmd: x}\n"),
        ("stages:\n  b:\n    cmd: |\n      y\n\n  a: {cmd: x}\n", "stages:\n\n  a: {cmd: x}\n"),
        (
            "stages:\n  a: {cmd: x}\n\n  # c\n  b: {cmd: y}\n\nvars: []\n",
            "stages:\n  a: {cmd: x}\n\n  # c\n\nvars: []\n",
        ),
        ("stages:\r\n  b: {cmd: y}\r\n\r\n  a: {cmd: x}", "stages:\r\n\r\n  a: {cmd: x}"),
        ("stages: {a: {cmd: x}, b: {cmd: y}}\n", "stages: {a: {cmd: x}}\n"),
        ("stages: {b: {cmd: y}, a: {cmd: x}}\n", "stages: {a: {cmd: x}}\n"),
        ("stages: {b: {cmd: y}}\n", "stages: {}\n"),
        ("stages: # all\n  b: {cmd: y}\nvars: []\n", "stages: {} # all\nvars: []\n"),
        ("stages:\n  b:\n    matrix: {m: [1, 2]}\n    cmd: y\n  a: {cmd: x}\n", "stages:\n  a: {cmd: x}\n"),
    ],
)
def test_a_stage_is_taken_out_and_nothing_else(before: str, after: str) -> None:
    assert remove_stage(before.encode(), "b", name="dver.yaml").decode() == after


def test_a_stage_that_others_refer_to_is_not_taken_out() -> None:
    text = "stages:\n  b: &b {cmd: y}\n  a: *b\n"
    with pytest.raises(PipelineError, match="cannot be changed safely"):
        remove_stage(text.encode(), "b", name="dver.yaml")


@pytest.mark.parametrize("seed", range(5))
def test_whatever_the_file_looks_like_only_the_stage_is_taken_out_or_nothing_is_changed(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(200):
        lines = ["stages:", "  a:", "    cmd: x", "  # c", "  b: {cmd: y}", "", "vars: []"]
        for _ in range(chance.randrange(1, 6)):
            lines.insert(chance.randrange(len(lines) + 1), chance.choice(_LINES))
        text = "\n".join(lines)
        for name in "ab":
            with contextlib.suppress(PipelineError, KeyError, TypeError):
                after = remove_stage(text.encode(), name, name="dver.yaml").decode()
                left = iter(text.splitlines())
                assert all(line in left for line in after.replace(" {}", "").splitlines() if line.strip())

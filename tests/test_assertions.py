"""Every test can fail: it asserts something, itself or by a function of tests/, and no assertion is always true."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
CHECKS = {"raises", "warns", "fail", "run"}
"""Functions that fail by themselves: pytest's, and the fixture `run`, which compares the exit code."""


@cache
def trees() -> dict[str, ast.Module]:
    """The files below tests/, parsed."""
    return {str(path.relative_to(TESTS)): ast.parse(path.read_text()) for path in sorted(TESTS.rglob("*.py"))}


def called(node: ast.AST) -> str | None:
    """The name of a function that `node` calls so that it may fail; an empty one for an assertion."""
    if isinstance(node, ast.Assert):
        return ""
    if not isinstance(node, ast.Call):
        return None
    options = {option.arg: ast.unparse(option.value) for option in node.keywords if option.arg in ("check", "rc")}
    if options.get("check") == "True":
        return ""
    if options.get("rc") == "None":
        return None
    match node.func:
        case ast.Name(name):
            return name
        case ast.Attribute(ast.Name("subprocess")):
            return None
        case ast.Attribute(_, name):
            return name
    return None


def always_true(test: ast.expr) -> bool:
    """Does a condition hold whatever is tested?"""
    match test:
        case ast.Constant(value):
            return bool(value)
        case ast.Tuple() | ast.GeneratorExp() | ast.Lambda() | ast.JoinedStr():
            return True
        case ast.BoolOp(ast.Or(), values):
            return any(map(always_true, values))
        case ast.Compare(left, [_], [right]):
            return ast.dump(left) == ast.dump(right)
    return False


def without_assertion(modules: dict[str, ast.Module]) -> list[str]:
    """The tests that call nothing that asserts anything."""
    functions = [
        (f"{file}:{node.lineno}", node.name, {called(inner) for inner in ast.walk(node)})
        for file, tree in modules.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
    ]
    checks = CHECKS | {""}
    while found := {name for _, name, calls in functions if calls & checks} - checks:
        checks |= found
    return [place for place, name, calls in functions if name.startswith("test_") and not calls & checks]


def without_meaning(modules: dict[str, ast.Module]) -> list[str]:
    """The assertions that always hold, and the expectations of just any error."""
    return [
        f"{file}:{node.lineno}"
        for file, tree in modules.items()
        for node in ast.walk(tree)
        if (isinstance(node, ast.Assert) and always_true(node.test)) or _expects_anything(node)
    ]


def _expects_anything(node: ast.AST) -> bool:
    match node:
        case ast.Call(ast.Attribute(_, "raises"), [ast.Name("Exception" | "BaseException")], []):
            return True
    return False


def test_every_test_asserts_something() -> None:
    assert without_assertion(trees()) == []


def test_no_assertion_always_holds() -> None:
    assert without_meaning(trees()) == []


@pytest.mark.parametrize("body", ["pass", "f()", "subprocess.run(x)", "run('add', rc=None)", "helper()"])
def test_a_test_that_cannot_fail_is_found(body: str) -> None:
    source = f"def helper():\n    print()\ndef test_it():\n    {body}\n"
    assert without_assertion({"file": ast.parse(source)}) == ["file:3"]


@pytest.mark.parametrize("body", ["assert x", "run('add', rc=1)", "subprocess.run(x, check=True)", "helper()"])
def test_a_test_that_can_fail_is_not(body: str) -> None:
    source = f"def helper():\n    deeper()\ndef deeper():\n    assert 1 + x\ndef test_it():\n    {body}\n"
    assert without_assertion({"file": ast.parse(source)}) == []


@pytest.mark.parametrize("line", ["assert x == x", "assert (x, 'told')", "assert x or 1", "pytest.raises(Exception)"])
def test_an_assertion_that_always_holds_is_found(line: str) -> None:
    assert without_meaning({"file": ast.parse(line)}) == ["file:1"]

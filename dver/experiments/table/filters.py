"""Filters of experiments: `auc > 0.9 and (lr < 0.1 or status == "failed")`.

A filter is parsed to functions, and nothing in it is executed. A comparison with a missing value is unknown, also its
opposite; an experiment whose filter is unknown does not match.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from dver.core.errors import UsageError
from dver.experiments.table.columns import Names
from dver.experiments.table.rows import IDS, TIMES, Getter, TableRow
from dver.pipelines.definition.param_files import ABSENT, is_number

Truth = bool | None
"""None if it is unknown, because a value is missing."""

_TOKEN: Final = re.compile(
    r"""\s*(?:
    (?P<number>(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?![\w.]))
  | (?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
  | (?P<quoted>`[^`]*`)
  | (?P<name>[^\W\d][\w./:@-]*)
  | (?P<sign><=|>=|==|!=|[<>=()\[\],+-])
  | (?P<end>\Z)
    )""",
    re.VERBOSE | re.DOTALL,
)
_ORDERS: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_COMPARISONS: Final = frozenset((*_ORDERS, "=", "==", "!=", "in", "not in"))
_CONSTANTS: Final[Mapping[str, Any]] = {
    "true": True, "True": True, "false": False, "False": False, "null": None, "None": None,
    "nan": float("nan"), "NaN": float("nan"), "inf": float("inf"), "Infinity": float("inf"),
}  # fmt: skip
_WORDS: Final = frozenset(("and", "or", "not", "in"))
_DEPTH: Final = 50
"""The most parentheses inside each other."""
_SHORTEST_ID: Final = 4
_DIGITS: Final = 4000


def parse_filter(text: str, names: Names, revs: Mapping[str, str] | None = None) -> Callable[[TableRow], bool]:
    """The function that says whether a row matches the filter `text`.

    `revs` has the commits of branches and tags that the field `baseline` can be compared with. Raises UsageError, with
    the position of the mistake.
    """
    test = _Parser(text, names, revs or {}).parse()
    return lambda row: test(row) is True


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    at: int


@dataclass(frozen=True, slots=True)
class _Operand:
    """A part of a comparison: a constant, or a value of the row."""

    get: Getter
    token: _Token
    constant: bool = False
    field: str = ""


_Test = Callable[[TableRow], Truth]


class _Parser:
    """A parser by recursive descent; `or` binds least, then `and`, `not`, and comparisons."""

    def __init__(self, text: str, names: Names, revs: Mapping[str, str]) -> None:
        self._text = text
        self._names = names
        self._revs = revs
        self._tokens = self._split()
        self._next = 0
        self._depth = 0

    def parse(self) -> _Test:
        if self._token.kind == "end":
            raise UsageError("the filter is empty", fix="""such as --filter 'auc > 0.9 and lr < 0.1'""")
        test = self._test(self._either())
        if self._token.kind != "end":
            raise self._error(self._token, f"unexpected {self._token.text!r}")
        return test

    def _split(self) -> list[_Token]:
        found: list[_Token] = []
        at = 0
        while not found or found[-1].kind != "end":
            match = _TOKEN.match(self._text, at)
            if match is None or match.lastgroup is None:
                start = len(self._text) - len(self._text[at:].lstrip())
                rest = self._text[start:]
                what = "a text without its end" if rest[0] in "\"'`" else f"unexpected {rest.split()[0]!r}"
                raise self._error(_Token("", rest, start), what)
            found.append(_Token(match.lastgroup, match[match.lastgroup], match.start(match.lastgroup)))
            at = match.end()
        return found

    # -- tokens

    @property
    def _token(self) -> _Token:
        return self._tokens[self._next]

    def _accept(self, *texts: str) -> bool:
        """Go on if the next token is one of the words or signs `texts`."""
        if self._token.kind in ("name", "sign") and self._token.text in texts:
            self._next += 1
            return True
        return False

    def _error(self, token: _Token, what: str) -> UsageError:
        return UsageError(
            f"invalid filter: {what} at column {token.at + 1}",
            why=f"the filter is {self._text!r}",
            fix="""write it like 'auc > 0.9 and (lr < 0.1 or status == "failed")'""",
        )

    # -- tests

    def _either(self) -> _Test | _Operand:
        found = self._all()
        if self._token.text != "or":
            return found
        tests = [self._test(found)]
        while self._accept("or"):
            tests.append(self._test(self._all()))
        return _any_of(tests)

    def _all(self) -> _Test | _Operand:
        found = self._not()
        if self._token.text != "and":
            return found
        tests = [self._test(found)]
        while self._accept("and"):
            tests.append(self._test(self._not()))
        return _all_of(tests)

    def _not(self) -> _Test | _Operand:
        token = self._token
        if not self._accept("not"):
            return self._comparison()
        self._deeper(token)
        found = _opposite(self._test(self._not()))
        self._depth -= 1
        return found

    def _comparison(self) -> _Test | _Operand:
        left = self._operand()
        tests: list[_Test] = []
        while (sign := self._sign()) is not None:
            right = self._operand()
            for one in (left, right):
                if not isinstance(one, _Operand):
                    raise self._error(self._tokens[self._next - 1], "a comparison of a comparison")
            assert isinstance(left, _Operand)
            assert isinstance(right, _Operand)
            tests.append(self._compared(left, sign, right))
            left = right
        return left if not tests else tests[0] if len(tests) == 1 else _all_of(tests)

    def _sign(self) -> str | None:
        token = self._token
        if self._accept("not"):
            if not self._accept("in"):
                raise self._error(self._token, "expected `in` after `not`")
            return "not in"
        if token.kind in ("name", "sign") and token.text in _COMPARISONS:
            self._next += 1
            return token.text
        return None

    def _test(self, found: _Test | _Operand) -> _Test:
        """A test; a value alone is one if it is a truth value."""
        if not isinstance(found, _Operand):
            return found
        if found.constant and not isinstance(value := found.get(_NO_ROW), bool):
            raise self._error(found.token, f"{value!r} is not a comparison,")
        get = found.get

        def is_true(row: TableRow) -> Truth:
            value = get(row)
            return value if isinstance(value, bool) else None

        return is_true

    # -- operands

    def _operand(self) -> _Test | _Operand:
        token = self._token
        self._next += 1
        match token.kind:
            case "number":
                return self._constant(token, _number(token.text))
            case "text":
                return self._constant(token, re.sub(r"\\(.)", r"\1", token.text[1:-1], flags=re.DOTALL))
            case "quoted":
                return self._value(token, token.text[1:-1])
            case "name" if token.text in _CONSTANTS:
                return self._constant(token, _CONSTANTS[token.text])
            case "name" if token.text not in _WORDS:
                return self._value(token, token.text)
            case "sign" if token.text in "+-":
                return self._signed(token)
            case "sign" if token.text == "(":
                return self._parenthesis(token)
            case "sign" if token.text == "[":
                return self._list(token, [], "]")
            case _:
                what = "the filter ends too early" if token.kind == "end" else f"unexpected {token.text!r}"
                raise self._error(token, what)

    def _constant(self, token: _Token, value: Any) -> _Operand:
        return _Operand(lambda row: value, token, constant=True)

    def _value(self, token: _Token, name: str) -> _Operand:
        try:
            return _Operand(self._names.getter(name), token, field=name)
        except UsageError as error:
            raise UsageError(
                f"{error.what}, at column {token.at + 1} of the filter", why=error.why, fix=error.fix
            ) from None

    def _signed(self, sign: _Token) -> _Operand:
        found = self._operand()
        value = found.get(_NO_ROW) if isinstance(found, _Operand) and found.constant else None
        if not is_number(value):
            raise self._error(sign, f"expected a number after {sign.text!r}")
        assert value is not None
        return self._constant(sign, -value if sign.text == "-" else value)

    def _parenthesis(self, token: _Token) -> _Test | _Operand:
        self._deeper(token)
        found = self._either()
        self._depth -= 1
        if self._token.text == "," and isinstance(found, _Operand):
            return self._list(token, [found], ")")
        if not self._accept(")"):
            raise self._error(token, "a parenthesis that is not closed")
        return found

    def _list(self, token: _Token, items: list[_Operand], end: str) -> _Operand:
        """A list of constants; `items` are those before the next comma."""
        while not self._accept(end):
            if items and not self._accept(","):
                raise self._error(token, "a list that is not closed")
            if self._accept(end):
                break
            found = self._operand()
            if not isinstance(found, _Operand):
                raise self._error(token, "a comparison in a list")
            items.append(found)
        if not all(one.constant for one in items):
            raise self._error(token, "a list of anything but numbers and texts")
        return self._constant(token, [one.get(_NO_ROW) for one in items])

    def _deeper(self, token: _Token) -> None:
        self._depth += 1
        if self._depth > _DEPTH:
            raise self._error(token, "too many parentheses")

    # -- comparisons

    def _compared(self, left: _Operand, sign: str, right: _Operand) -> _Test:
        left, right = self._meant(left, right), self._meant(right, left)
        if sign in _ORDERS:
            return _ordered(left.get, _ORDERS[sign], right.get)
        same = _same_id if IDS & {left.field, right.field} else _same
        if sign in ("=", "=="):
            return _equal(left.get, right.get, same)
        if sign == "!=":
            return _opposite(_equal(left.get, right.get, same))
        test = _contained(left.get, right.get, same)
        return test if sign == "in" else _opposite(test)

    def _meant(self, one: _Operand, other: _Operand) -> _Operand:
        """The constant `one` as what it means beside a field: a date as a time, a branch as a commit."""
        if not one.constant or other.field not in (*TIMES, "baseline"):
            return one
        value = one.get(_NO_ROW)
        convert = self._time if other.field in TIMES else self._commit
        items = [convert(item, one.token) for item in value] if isinstance(value, list) else convert(value, one.token)
        return self._constant(one.token, items)

    def _time(self, value: Any, token: _Token) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return datetime.fromisoformat(value).timestamp()
        except (ValueError, OverflowError, OSError):
            what = f"{value!r} is not a date such as '2026-01-31' or '2026-01-31 12:00',"
            raise self._error(token, what) from None

    def _commit(self, value: Any, _: _Token) -> Any:
        return self._revs.get(value, value) if isinstance(value, str) else value


_NO_ROW: Final[Any] = None
"""Constants need no row."""


def _number(text: str) -> float:
    # Python refuses to read longer integers.
    return float(text) if re.search(r"[.eE]", text) or len(text) > _DIGITS else int(text.replace("_", ""))


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, bool) != isinstance(other, bool):
        return False
    return bool(one == other) or (one != one and other != other)


def _same_id(one: Any, other: Any) -> bool:
    """Whether one of two ids is the other one or its beginning."""
    if not isinstance(one, str) or not isinstance(other, str):
        return False
    short, long = sorted((one, other), key=len)
    return short == long or (len(short) >= _SHORTEST_ID and long.startswith(short.lower()))


def _equal(left: Getter, right: Getter, same: Callable[[Any, Any], bool]) -> _Test:
    def test(row: TableRow) -> Truth:
        one, other = left(row), right(row)
        return None if one is ABSENT or other is ABSENT else same(one, other)

    return test


def _ordered(left: Getter, compare: Callable[[Any, Any], Any], right: Getter) -> _Test:
    def test(row: TableRow) -> Truth:
        one, other = left(row), right(row)
        numbers = is_number(one) and is_number(other) and one == one and other == other
        if not numbers and not (isinstance(one, str) and isinstance(other, str)):
            return None
        return bool(compare(one, other))

    return test


def _contained(left: Getter, right: Getter, same: Callable[[Any, Any], bool]) -> _Test:
    """Whether a value is in a list, or a text in a text."""

    def test(row: TableRow) -> Truth:
        one, other = left(row), right(row)
        if isinstance(other, str):
            return one in other if isinstance(one, str) else None
        if one is ABSENT or not isinstance(other, Sequence):
            return None
        return any(same(one, item) for item in other)

    return test


def _opposite(test: _Test) -> _Test:
    def opposite(row: TableRow) -> Truth:
        found = test(row)
        return None if found is None else not found

    return opposite


def _all_of(tests: Sequence[_Test]) -> _Test:
    def all_of(row: TableRow) -> Truth:
        found: Truth = True
        for test in tests:
            one = test(row)
            if one is False:
                return False
            found = found if one else None
        return found

    return all_of


def _any_of(tests: Sequence[_Test]) -> _Test:
    def any_of(row: TableRow) -> Truth:
        found: Truth = False
        for test in tests:
            one = test(row)
            if one is True:
                return True
            found = None if one is None else found
        return found

    return any_of

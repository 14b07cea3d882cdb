from __future__ import annotations

import math

import pytest

from dver.core.errors import CorruptError, NewerVersionError
from dver.formats.experiment import Experiment, ExperimentStatus, decode_entry, encode_entry

ONE = Experiment(
    id="0" * 32,
    name="brave-otter",
    status=ExperimentStatus.DONE,
    baseline="a" * 40,
    commit="b" * 40,
    updated=1,
    message="größer\n\u2028",
    params={"params.yaml": {"lr": 0.1, "nan": -math.inf, "big": 10**40, "list": [1, None], "a.b": "x"}},
    set=("params.yaml:lr=0.1",),
    created=1.5,
)


def test_records_survive_encoding() -> None:
    other = Experiment(
        id="1" * 32, name="x", status=ExperimentStatus.QUEUED, baseline="a" * 40, commit="a" * 40, updated=2
    )
    assert decode_entry(encode_entry([ONE, other])) == [ONE, other]


def test_a_field_of_a_later_version_is_ignored() -> None:
    line = encode_entry([ONE]).replace(b'{"baseline"', b'{"later":[1],"baseline"')
    assert decode_entry(line) == [ONE]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"Merge branch",
        b"dver experiments 1\n\nno json\n",
        b'dver experiments 1\n\n{"id":"0"}\n',
        b"dver experiments 1\n\n[]\n",
        encode_entry([ONE]).replace(b"a" * 40, b"A" * 40),
        encode_entry([ONE]).replace(b'"done"', b'"gone"'),
        encode_entry([ONE]).replace(b'"name":"brave-otter"', b'"name":["x"]'),
        encode_entry([ONE]).replace(b'"created":1.5', b'"created":1e300'),
        encode_entry([ONE]).replace(b'"created":1.5', b'"created":NaN'),
        encode_entry([ONE]).replace(b'"created":1.5', b'"created":true'),
        encode_entry([ONE]).replace(b'"set":["', b'"set":[1,"'),
        encode_entry([ONE]).replace(b'"updated":1', b'"updated":1.5'),
        encode_entry([ONE]).replace(b'"params":{', b'"metrics":[],"params":{'),
        encode_entry([ONE]).replace(b'"params":{', b'"data":{"a":1},"params":{'),
        encode_entry([ONE]).replace(b'"big":1', b'"big":' + b"9" * 5000),
        encode_entry([ONE]).replace(b'"lr":0.1', b'"lr":' + b"[" * 100_000),
    ],
)
def test_other_bytes_are_corrupt(content: bytes) -> None:
    with pytest.raises(CorruptError):
        decode_entry(content)


def test_a_newer_version_is_refused() -> None:
    with pytest.raises(NewerVersionError):
        decode_entry(encode_entry([ONE]).replace(b"experiments 1", b"experiments 2"))

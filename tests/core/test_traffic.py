from __future__ import annotations

import pytest

from dver.core.traffic import Traffic


class Clock:
    """A clock that a test sets."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_silence_is_the_time_since_the_last_byte_of_a_running_request() -> None:
    clock = Clock()
    traffic = Traffic(clock=clock)
    assert traffic.silence == 0
    with traffic.request():
        clock.now += 5
        assert traffic.silence == 5
        traffic.touch()
        clock.now += 2
        with traffic.request():  # a second request does not end the silence of the first one
            assert traffic.silence == 2
        assert traffic.silence == 2
    assert traffic.silence == 0


def test_the_time_between_requests_is_not_silence() -> None:
    clock = Clock()
    traffic = Traffic(clock=clock)
    with traffic.request():
        clock.now += 1
    clock.now += 60
    with traffic.request():
        assert traffic.silence == 0


def test_retried_requests_are_counted_until_they_end() -> None:
    traffic = Traffic()
    with traffic.retry(), traffic.retry():
        assert traffic.retries == 2
    assert traffic.retries == 0


def test_a_failed_request_is_no_longer_running() -> None:
    clock = Clock()
    traffic = Traffic(clock=clock)
    with pytest.raises(ConnectionResetError), traffic.retry(), traffic.request():
        raise ConnectionResetError
    clock.now += 5
    assert (traffic.silence, traffic.retries) == (0, 0)

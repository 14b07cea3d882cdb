from __future__ import annotations

import errno

import pytest

from dver.remote.backends.fsspec_errors import plugin_failures, translate
from dver.remote.failures import TransientError, UnreachableError
from dver.remote.settings import RemoteSettings

SETTINGS = RemoteSettings("origin", "sftp://host.example.org/data/")


def library_error(name: str, message: str = "said", **fields: object) -> Exception:
    """An error of a library that need not be installed: `module.Class`."""
    module, _, kind = name.rpartition(".")
    error: Exception = type(kind, (Exception,), {"__module__": module})(message)
    for key, value in fields.items():
        setattr(error, key, value)
    return error


def cause(error: Exception, inner: Exception) -> Exception:
    error.__cause__ = inner
    return error


@pytest.mark.parametrize(
    "error",
    [
        ConnectionRefusedError("refused"),
        OSError(errno.EHOSTUNREACH, "no route"),
        library_error("httpx.ConnectError"),
        cause(RuntimeError("wrapped"), library_error("aiohttp.client.ClientConnectorError")),
    ],
)
def test_a_server_that_cannot_be_reached_is_named(error: Exception) -> None:
    found = translate(error, "read 'x'", SETTINGS)
    assert isinstance(found, UnreachableError)
    assert found.what == "cannot reach sftp://host.example.org/data"


@pytest.mark.parametrize(
    "error",
    [
        TimeoutError(),
        OSError(errno.EPIPE, "pipe"),
        EOFError(),
        library_error("asyncssh.misc.ConnectionLost"),
        library_error("x.HttpError", code=503),
        library_error("x.HttpError", status=423),
    ],
)
def test_a_lost_connection_or_a_busy_server_is_worth_a_retry(error: Exception) -> None:
    found = translate(error, "read 'x'", SETTINGS)
    assert isinstance(found, TransientError)
    assert not isinstance(found, UnreachableError)
    assert found.what == "cannot read 'x' on sftp://host.example.org/data"


@pytest.mark.parametrize(
    ("url", "credential"),
    [
        ("sftp://host/data", "password PASSWORD"),
        ("gs://bucket", "key_file FILE"),
        ("abfs://container", "account_key KEY"),
    ],
)
@pytest.mark.parametrize(
    "error",
    [
        library_error("asyncssh.misc.PermissionDenied"),
        library_error("x.HttpError", status_code=401),
        OSError("530 Login incorrect"),
    ],
)
def test_refused_credentials_are_set_for_this_clone(error: Exception, url: str, credential: str) -> None:
    found = translate(error, "read 'x'", RemoteSettings("origin", url))
    assert "does not accept the credentials" in (found.why or "")
    assert found.fix == f"set them for this clone: `dver remote set --local origin {credential}`"


@pytest.mark.parametrize(
    "error", [PermissionError("no"), NotImplementedError(), library_error("x.HttpError", status=403)]
)
def test_a_missing_permission_is_no_wrong_credential(error: Exception) -> None:
    found = translate(error, "write 'x'", SETTINGS)
    assert (found.why or "").startswith("permission denied, or the protocol does not support it: ")
    assert not isinstance(found, TransientError)


def test_an_unknown_host_key_is_accepted_with_ssh() -> None:
    found = translate(library_error("asyncssh.misc.HostKeyNotVerifiable"), "read 'x'", SETTINGS)
    assert found.fix == "connect once with `ssh host.example.org`, compare the key and accept it"


@pytest.mark.parametrize(
    ("error", "why"),
    [(ValueError("a\n  b"), "a b"), (RuntimeError(), "RuntimeError"), (library_error("x.E", code=9999), "said")],
)
def test_any_other_error_is_reported_in_one_line(error: Exception, why: str) -> None:
    found = translate(error, "read 'x'", SETTINGS)
    assert (found.what, found.why) == ("cannot read 'x' on sftp://host.example.org/data", why)


def test_bugs_are_no_failures_of_a_plugin() -> None:
    assert issubclass(FileNotFoundError, plugin_failures())
    assert not issubclass(TypeError, plugin_failures())

from __future__ import annotations

import errno

import pytest
from botocore import exceptions as boto
from botocore.exceptions import ClientError

from dver.core.errors import DverError, LocalIOError, RemoteError
from dver.remote.backends.s3_errors import TRANSIENT_CODES, S3Address, request_errors, translate
from dver.remote.failures import RefusedError, TransientError, UnreachableError

ADDRESS = S3Address("origin", "s3://data/prefix", "data", "https://s3.example.org")
OWN_KEY = S3Address("origin", "s3://data/prefix", "data", "https://s3.example.org", has_own_key=True)


def refused(
    code: str, message: str = "", *, status: int = 400, address: S3Address = ADDRESS, after: str = ""
) -> DverError:
    headers = {"retry-after": after} if after else {}
    response = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": headers},
    }
    return translate(ClientError(response, "GetObject"), address, "read 'x'")


@pytest.mark.parametrize("code", sorted(TRANSIENT_CODES))
def test_a_busy_server_is_worth_a_retry(code: str) -> None:
    found = refused(code, after="7")
    assert isinstance(found, TransientError)
    assert (found.what, found.retry_after) == ("cannot read 'x' on s3://data/prefix", 7.0)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_an_unknown_code_with_a_transient_status_is_worth_a_retry(status: int) -> None:
    assert isinstance(refused("Odd", status=status), TransientError)


def test_a_full_disk_is_no_transient_failure_whatever_the_status() -> None:
    found = refused("XMinioStorageFull", status=503)
    assert isinstance(found, RefusedError)
    assert (found.why, found.code) == ("the server's disk is full", "XMinioStorageFull")


@pytest.mark.parametrize(
    ("code", "why", "fix"),
    [
        ("NoSuchBucket", "there is no bucket 'data' at https://s3.example.org", "dver remote set origin url s3://"),
        ("SignatureDoesNotMatch", "the secret access key is wrong", "AWS_SECRET_ACCESS_KEY"),
        ("AccessDenied", "https://s3.example.org does not allow this for the access key", "ListBucket"),
        ("ExpiredToken", "the session token has expired", "aws sso login"),
        ("PermanentRedirect", "the bucket is in another region", "dver remote set origin region REGION"),
        ("RequestTimeTooSkewed", "this machine's clock is wrong", "set-ntp"),
    ],
)
def test_a_refusal_has_its_cause_and_a_fix(code: str, why: str, fix: str) -> None:
    found = refused(code)
    assert isinstance(found, RefusedError)
    assert not isinstance(found, TransientError)
    assert (found.what, found.why, found.code) == ("cannot read 'x' on s3://data/prefix", why, code)
    assert fix in (found.fix or "")


def test_the_key_of_the_configuration_is_the_one_to_correct() -> None:
    fix = refused("InvalidAccessKeyId", address=OWN_KEY).fix or ""
    assert "dver remote set --local origin access_key_id -" in fix
    assert "AWS_ACCESS_KEY_ID" not in fix


@pytest.mark.parametrize(
    ("code", "message", "said"),
    [("Odd", "not today", "Odd: not today"), ("Odd", "Odd request", "Odd request"), ("", "", "unknown")],
)
def test_an_unknown_refusal_shows_what_the_server_says(code: str, message: str, said: str) -> None:
    assert refused(code, message).why == f"https://s3.example.org refused the request: {said}"


@pytest.mark.parametrize(
    ("error", "kind", "what"),
    [
        (boto.NoCredentialsError(), RemoteError, "no credentials for s3://data/prefix"),
        (boto.ProfileNotFound(profile="x"), RemoteError, "cannot read 'x' on s3://data/prefix"),
        (boto.EndpointConnectionError(endpoint_url="u"), UnreachableError, "cannot reach https://s3.example.org"),
        (boto.SSLError(endpoint_url="u", error="e"), RemoteError, "no trusted connection to https://s3.example.org"),
        (ValueError("Invalid endpoint"), RemoteError, "the settings of the remote 'origin' are not valid"),
        (ConnectionResetError("reset"), TransientError, "lost the connection to https://s3.example.org"),
        (OSError(errno.EMFILE, "Too many"), LocalIOError, "cannot read 'x' on s3://data/prefix"),
    ],
)
def test_a_request_without_a_response_is_explained(error: Exception, kind: type[DverError], what: str) -> None:
    assert isinstance(error, request_errors())
    found = translate(error, ADDRESS, "read 'x'")
    assert isinstance(found, kind)
    assert isinstance(found, TransientError) is issubclass(kind, TransientError)
    assert found.what == what
    assert found.why
    assert found.fix


def test_the_innermost_cause_is_reported() -> None:
    wrapped = boto.HTTPClientError(error=OSError("no route"))
    assert translate(wrapped, ADDRESS, "read 'x'").why == "no route, while trying to read 'x'"

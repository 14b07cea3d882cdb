"""Translation of errors from S3 servers and botocore."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from dver.core.errors import DverError, RemoteError
from dver.remote.failures import (
    TRANSIENT_STATUSES,
    RefusedError,
    UnreachableError,
    busy,
    disconnected,
    one_line,
    out_of_files,
    untrusted,
)

TRANSIENT_CODES: Final = frozenset(
    {
        "BadDigest",
        "ConditionalRequestConflict",
        "IncompleteBody",
        "InternalError",
        "OperationAborted",
        "RequestLimitExceeded",
        "RequestTimeout",
        "ServiceUnavailable",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "XAmzContentSHA256Mismatch",
    }
)
PRECONDITION: Final = frozenset({"PreconditionFailed", "412"})
NO_OBJECT: Final = frozenset({"NoSuchKey", "404", "NotFound"})
NO_RANGE: Final = frozenset({"InvalidRange", "416", "Requested Range Not Satisfiable"})
NOT_IMPLEMENTED: Final = frozenset({"NotImplemented", "501"})
READ_ONLY: Final = frozenset({"AccessDenied", "403", "Forbidden", "MethodNotAllowed", "405", "AllAccessDisabled"})


@dataclass(frozen=True, slots=True)
class S3Address:
    """A remote as messages name it: its name in the configuration, URL, bucket and server.

    The name is empty for a URL that belongs to no remote: its settings come from the environment.
    """

    name: str
    url: str
    bucket: str
    server: str
    has_own_key: bool = False
    """Does the configuration have an access key for it, which takes precedence?"""

    @property
    def keys(self) -> str:
        """The fix that sets another access key."""
        if self.has_own_key:
            secret = f"dver remote set --local {self.name} secret_access_key -"
            return f"`dver remote set --local {self.name} access_key_id -`, then `{secret}`: they read the values"
        return _KEYS.format(profile=self.setting("profile", "PROFILE"))

    def setting(self, key: str, value: str) -> str:
        """The command that changes a setting of the remote, or the variable that has it."""
        if not self.name:
            return _VARIABLES.get(
                key, "`dver remote add NAME s3://{bucket}`, then `dver remote set NAME {key} {value}`"
            ).format(bucket=self.bucket, key=key, value=value)
        return f"`dver remote set {self.name} {key} {value}`"


def request_errors() -> tuple[type[Exception], ...]:
    """The exceptions that a request may raise; any other is a bug."""
    import aiohttp
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError

    # botocore raises ValueError for an endpoint that is not a URL; OSError includes time-outs and socket errors.
    return (OSError, ValueError, BotoCoreError, ClientError, ResponseParserError, aiohttp.ClientError)


def translate(error: Exception, address: S3Address, action: str) -> DverError:
    """The error to raise for `error`; `action` ("read 'x'") completes its "cannot …"."""
    response: dict[str, Any] | None = getattr(error, "response", None)
    if isinstance(response, dict) and "Error" in response:
        return _refused(response, address, action)
    return _broken(error, address, action)


def _refused(response: dict[str, Any], address: S3Address, action: str) -> RemoteError:
    """The error for a response with an error code."""
    code = str(response["Error"].get("Code") or "unknown")
    message = str(response["Error"].get("Message") or "").strip() or code
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    said = message if code in message else f"{code}: {message}"
    if code in TRANSIENT_CODES or (status in TRANSIENT_STATUSES and code not in _REASONS):
        headers = response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
        return busy(action, address.url, said, retry_after=headers.get("retry-after", ""))
    why, fix = _reason(code, address) or (f"{address.server} refused the request: {said}", "check the server")
    return RefusedError(f"cannot {action} on {address.url}", why=why, fix=fix, code=code)


_VARIABLES: Final = {
    "url": "{value}",
    "profile": "AWS_PROFILE={value}",
    "region": "AWS_DEFAULT_REGION={value}",
    "endpoint_url": "AWS_ENDPOINT_URL={value}",
}
_KEYS = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or choose a profile of ~/.aws: {profile}"
_REGION = "name the bucket's region: {region}"
_PERMISSIONS = "ask the bucket's owner for ListBucket, GetObject, PutObject and DeleteObject on it, or use another key"
_SIGN_IN = "sign in again (for example `aws sso login`), then run the same command again"
_FREE_SPACE = "free some space on the server, or ask for a larger quota"
_REASONS: Final[dict[str, tuple[str, str]]] = {
    "NoSuchBucket": ("there is no bucket {bucket!r} at {server}", "create it, or correct the address: {url}"),
    "InvalidBucketName": ("{bucket!r} cannot be the name of a bucket", "correct the address: {url}"),
    "SignatureDoesNotMatch": ("the secret access key is wrong", "correct it: {keys}"),
    "InvalidAccessKeyId": ("{server} does not know the access key id", "correct it: {keys}"),
    "AccessDenied": ("{server} does not allow this for the access key", _PERMISSIONS),
    "AllAccessDisabled": ("{server} has disabled the bucket", _PERMISSIONS),
    "403": ("{server} does not allow it: the access key is wrong, or lacks a permission", _PERMISSIONS),
    "ExpiredToken": ("the session token has expired", _SIGN_IN),
    "InvalidToken": ("the session token is not valid", _SIGN_IN),
    "TokenRefreshRequired": ("the session token has expired", _SIGN_IN),
    "RequestTimeTooSkewed": ("this machine's clock is wrong", "set the clock (`timedatectl set-ntp true`)"),
    "AuthorizationHeaderMalformed": ("the bucket is in another region", _REGION),
    "PermanentRedirect": ("the bucket is in another region", _REGION),
    "301": ("the bucket is in another region", _REGION),
    "MethodNotAllowed": ("{server} does not support this request: it may be read-only", "use another remote"),
    "405": ("{server} does not support this request: it may be read-only", "use another remote"),
    "QuotaExceeded": ("the bucket is full", _FREE_SPACE),
    "InsufficientStorage": ("the server's disk is full", _FREE_SPACE),
    "507": ("the server's disk is full", _FREE_SPACE),
    "XMinioStorageFull": ("the server's disk is full", _FREE_SPACE),
}


def _reason(code: str, address: S3Address) -> tuple[str, str] | None:
    if code not in _REASONS:
        return None
    words = {
        "bucket": address.bucket,
        "server": address.server,
        "url": address.setting("url", "s3://BUCKET/PREFIX"),
        "keys": address.keys,
        "region": address.setting("region", "REGION"),
    }
    why, fix = _REASONS[code]
    return why.format_map(words), fix.format_map(words)


def _broken(error: Exception, address: S3Address, action: str) -> DverError:
    """The error for a request without a complete response, or one that was never sent."""
    from botocore import exceptions as boto

    if (local := out_of_files(action, address.url, _innermost(error))) is not None:
        return local
    if isinstance(error, (boto.NoCredentialsError, boto.PartialCredentialsError, boto.CredentialRetrievalError)):
        return _without_credentials(error, address)
    if isinstance(error, boto.ProfileNotFound):
        return RemoteError(
            f"cannot {action} on {address.url}",
            why=f"~/.aws does not have this profile: {error}",
            fix=f"run `aws configure --profile PROFILE`, or choose another: {address.setting('profile', 'PROFILE')}",
        )
    if isinstance(error, (boto.EndpointConnectionError, boto.ConnectTimeoutError, boto.ProxyConnectionError)):
        return _unreachable(error, address)
    if isinstance(error, boto.SSLError):
        return untrusted(address.server, _reason_of(error), variable="AWS_CA_BUNDLE")
    if isinstance(error, (boto.ParamValidationError, ValueError, boto.InvalidRegionError)):
        return RemoteError(
            f"the settings of the remote {address.name!r} are not valid" if address.name else f"cannot {action}",
            why=_reason_of(error),
            fix="check them: `dver config list`" if address.name else "check the address, and AWS_ENDPOINT_URL",
        )
    return disconnected(action, address.server, _reason_of(error))


def _without_credentials(error: Exception, address: S3Address) -> RemoteError:
    return RemoteError(
        f"no credentials for {address.url}",
        why=f"{_reason_of(error)}: not in this clone's settings, the environment or ~/.aws",
        fix=f"{address.keys}; for a public bucket: {address.setting('anonymous', 'true')}",
    )


def _unreachable(error: Exception, address: S3Address) -> RemoteError:
    return UnreachableError(
        f"cannot reach {address.server}",
        why=_reason_of(error),
        fix=f"check the network and the address: {address.setting('endpoint_url', 'URL')}",
    )


def _reason_of(error: Exception) -> str:
    """The innermost cause in one line."""
    return one_line(_innermost(error))


def _innermost(error: BaseException) -> BaseException:
    """The error of the socket, which botocore and aiohttp wrap."""
    inner = error
    while isinstance(nested := getattr(inner, "kwargs", {}).get("error"), BaseException) or (nested := inner.__cause__):
        inner = nested
    reason = getattr(inner, "os_error", None)
    return reason if isinstance(reason, BaseException) else inner

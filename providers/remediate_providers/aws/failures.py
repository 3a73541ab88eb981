"""What went wrong with a call to AWS, in plain words: no traceback, no URL, no secret."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from remediate.plugins.outcome import Outcome, Status

_DENIED = frozenset(
    ["AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError"]
)
#: The key that signed the call is not accepted (code, never the message, tells which way).
REFUSED_KEY = frozenset(
    ["InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId", "AuthFailure"]
)
WRONG_SECRET = frozenset(["SignatureDoesNotMatch", "InvalidSignatureException"])
_EXPIRED = frozenset(["ExpiredToken", "ExpiredTokenException", "RequestExpired"])
_THROTTLED = frozenset(
    [
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "TooManyRequestsException",
        "RequestLimitExceeded",
        "RequestThrottled",
    ]
)
_LONGEST = 300
"""Characters of AWS's own words that are kept."""


class AwsError(Exception):
    """A call that gave nothing. Its text is fit for the record."""

    def __init__(
        self, action: str, reason: str, *, status: Status, code: str = "", sent: bool = True
    ) -> None:
        super().__init__(reason)
        self.action = action
        """``iam:UpdateAccessKey``."""
        self.reason = reason
        self.status = status
        """`Status.REFUSED`: AWS said no; `Status.UNREACHABLE`: no answer in its right mind."""
        self.code = code
        """AWS's error code, empty where there was none."""
        self.sent = sent
        """Whether AWS may have acted on it: False for what never arrived or was turned away."""

    @property
    def denied(self) -> bool:
        """Whether a permission is missing."""
        return self.code in _DENIED

    @property
    def gone(self) -> bool:
        """Whether AWS knows no such user, key, secret or parameter."""
        return self.code in {"NoSuchEntity", "ResourceNotFoundException", "ParameterNotFound"}

    @property
    def doubtful(self) -> bool:
        """Whether nobody can tell if the call had its effect: the answer was lost, or made no sense."""
        return self.status is Status.UNREACHABLE and self.sent

    def outcome(self, summary: str) -> Outcome:
        """The failure as an effect's outcome."""
        return Outcome(self.status, summary, reason=self.reason)

    def lost(self, asked: str, found: Outcome) -> Outcome:
        """The outcome where the answer to making a credential was lost: one that it made is of no use to anybody.

        *asked*: what for, a clause. *found*: what came of looking for it, and deleting it.
        """
        summary = f"{asked}; the answer was lost"
        if found.status is Status.DONE:
            reason = f"{self.reason}. {found.summary}; remediate resume asks again"
            return replace(found, status=Status.UNREACHABLE, summary=summary, reason=reason)
        if found.status is Status.MANUAL:
            return found
        reason = f"{self.reason}; what came of it is looked up before another is asked for"
        return Outcome(Status.UNKNOWN, summary, reason, found.evidence)


def malformed(action: str) -> AwsError:
    """An answer that lacks what it must have."""
    return AwsError(
        action, f"AWS answered {action} with something unreadable", status=Status.UNREACHABLE
    )


def explain(error: Exception, action: str, who: str, redact: Callable[[str], str]) -> AwsError:
    """The `AwsError` for what botocore raised when *who* ("your credentials") called *action*."""
    from botocore import exceptions as boto
    from botocore.parsers import ResponseParserError

    if isinstance(error, boto.ClientError):
        return _answered(error.response, action, who, redact)
    unreachable = Status.UNREACHABLE
    if isinstance(error, boto.EndpointConnectionError | boto.ConnectTimeoutError):
        return AwsError(
            action, f"no connection to AWS for {action}", status=unreachable, sent=False
        )
    if isinstance(error, boto.SSLError | boto.ProxyConnectionError):
        what = "the proxy" if isinstance(error, boto.ProxyConnectionError) else "TLS"
        return AwsError(
            action,
            f"no connection to AWS for {action}: {what} failed",
            status=unreachable,
            sent=False,
        )
    if isinstance(error, boto.HTTPClientError):
        return AwsError(action, f"AWS stopped answering during {action}", status=unreachable)
    if isinstance(error, ResponseParserError):
        return malformed(action)
    if isinstance(error, boto.NoCredentialsError | boto.PartialCredentialsError):
        return AwsError(
            action,
            "there are no AWS credentials to act with: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY",
            status=Status.REFUSED,
            code="NoCredentials",
            sent=False,
        )
    return AwsError(
        action,
        f"{who} can't be used ({type(error).__name__}); see whether `aws sts get-caller-identity` works",
        status=Status.REFUSED,
        sent=False,
    )


def _answered(
    response: dict[str, Any], action: str, who: str, redact: Callable[[str], str]
) -> AwsError:
    error = response.get("Error", {})
    code = str(error.get("Code", ""))
    said = redact(str(error.get("Message", "")))[:_LONGEST].strip()
    http = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in _DENIED:
        reason = f"{who} may not do {action}: {said}" if said else f"{who} may not do {action}"
    elif code in REFUSED_KEY:
        reason = f"AWS does not accept {who} ({code})"
    elif code in WRONG_SECRET:
        reason = (
            f"AWS does not accept {who}: the secret does not belong to the id, or this machine's "
            f"clock is wrong ({code})"
        )
    elif code in _EXPIRED:
        reason = f"{who} are expired ({code}); sign in again"
    elif code in _THROTTLED:
        return AwsError(
            action,
            f"AWS's rate limit for {action} is used up",
            status=Status.UNREACHABLE,
            code=code,
            sent=False,
        )
    elif http >= 500 or not code:
        return AwsError(
            action, f"AWS is out of order ({http} {code})", status=Status.UNREACHABLE, code=code
        )
    else:
        reason = f"AWS refused {action}: {code}" + (f", {said}" if said else "")
    return AwsError(action, reason, status=Status.REFUSED, code=code)

"""The door before moto: a WSGI application that authenticates, authorises, records, and fails on demand.

It answers what moto can't (LookupEvents, SimulatePrincipalPolicy, GetSessionToken, ListRegions,
service-specific credentials, RotateSecret) and hands everything else on.
"""

from __future__ import annotations

import io
import json
import re
import socket
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from remediate_providers.aws.local_keys import Keys, Principal, refused_by
from remediate_providers.aws.local_policy import ALLOWED, decide
from remediate_providers.aws.local_rotation import NotNowError, Rotations
from remediate_providers.aws.local_services import FullError, MissingError, ServiceCredentials
from remediate_providers.aws.local_trail import History, ThrottledError

REGIONS = ("eu-west-1", "us-east-1")
FAULTS = ("drop-before", "drop-after", "500", "throttle", "denied", "malformed")
_JSON = frozenset(
    ["secretsmanager", "ssm", "cloudtrail", "account", "ecs", "lambda", "codebuild", "batch"]
)
_REST = {
    ("lambda", "GET"): "ListFunctions",
    ("lambda", "POST"): "CreateFunction",
    ("batch", "/v1/describejobdefinitions"): "DescribeJobDefinitions",
    ("batch", "/v1/registerjobdefinition"): "RegisterJobDefinition",
}
"""What is asked for by a path alone, by method or by path: those that are needed."""
_EC2 = {
    "InvalidClientTokenId": "AuthFailure",
    "AccessDenied": "UnauthorizedOperation",
    "Throttling": "RequestLimitExceeded",
}
"""EC2's own names (https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html)."""
StartResponse = Callable[[str, list[tuple[str, str]]], Any]


@dataclass(frozen=True)
class Call:
    """One request, as far as it could be understood."""

    service: str
    operation: str
    region: str
    key_id: str
    asked: dict[str, Any]
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)

    @property
    def action(self) -> str:
        """``iam:CreateAccessKey``."""
        return f"{self.service}:{self.operation}"


class RefusedError(Exception):
    """AWS's no."""

    def __init__(self, code: str, message: str, status: int = 403) -> None:
        super().__init__(code)
        self.code, self.message, self.status = code, message, status


class Gate:
    """The application. One account."""

    def __init__(self, keys: Keys, history: History, behind: Any) -> None:
        self.keys = keys
        self.history = history
        self.services = ServiceCredentials(keys.account)
        self.rotations = Rotations(keys.account, "us-east-1")
        self.faults: dict[str, list[str]] = {}
        """Action to what goes wrong with it next, one of `FAULTS` a call: ``{"iam:ListUsers": ["500"]}``."""
        self.calls: list[str] = []
        """Every action that was asked for, in order, for tests that count."""
        self._behind = behind

    def __call__(self, environ: dict[str, Any], start: StartResponse) -> Iterable[bytes]:
        """One request."""
        call = _read(environ)
        self.calls.append(call.action)
        self.rotations.settle()
        queue = self.faults.get(call.action) or self.faults.get("*") or []
        fault = queue.pop(0) if queue else ""
        if fault == "drop-before":
            _hang_up(environ)
        if fault == "500":
            return _answer(start, 500, _error(call, "ServiceFailure", "out of order"), call)
        if fault == "throttle":
            return _answer(start, 400, _error(call, "Throttling", "Rate exceeded"), call)
        try:
            who = self._who(call, environ)
            if fault == "denied":
                raise _denied(call, who)
            status, headers, body = self._answered(call, who, environ)
        except RefusedError as refusal:
            body = _error(call, refusal.code, refusal.message)
            return _answer(start, refusal.status, body, call)
        if fault == "drop-after":
            _hang_up(environ)
        if fault == "malformed":
            body = b"<oops" if call.service not in _JSON else b"{}"
            headers = [(n, v) for n, v in headers if n.lower() != "content-length"]
        start(status, headers)
        return [body]

    def _who(self, call: Call, environ: Mapping[str, Any]) -> Principal:
        unknown = "UnrecognizedClientException" if call.service in _JSON else "InvalidClientTokenId"
        who = self.keys.find(call.key_id, call.headers.get("X-Amz-Security-Token"))
        if who is None:
            raise RefusedError(unknown, "The security token included in the request is invalid.")
        query = f"?{environ['QUERY_STRING']}" if environ.get("QUERY_STRING") else ""
        path = str(environ.get("PATH_INFO", "/")) + query
        if refused_by(who, str(environ["REQUEST_METHOD"]), path, call.body, call.headers):
            raise RefusedError("SignatureDoesNotMatch", "The request signature does not match.")
        return who

    def _answered(
        self, call: Call, who: Principal, environ: dict[str, Any]
    ) -> tuple[str, list[tuple[str, str]], bytes]:
        address = call.headers.get("X-Forwarded-For") or str(environ.get("REMOTE_ADDR", ""))
        seen: dict[str, Any] = {
            "service": call.service,
            "operation": call.operation,
            "region": call.region,
            "identity": who.identity,
            "address": address,
            "agent": call.headers.get("User-Agent", ""),
            "asked": _without_secrets(call.asked),
        }
        try:
            self._allowed(call, who)
            own = _OWN.get(call.action)
            # moto answers this one too, and then knows when the key was last used.
            plain = call.action == "sts:GetCallerIdentity" and who.user and not who.token
            if own is not None and not plain:
                kind = "application/x-amz-json-1.1" if call.service in _JSON else "text/xml"
                body = own(self, call, who)
                answer = ("200 OK", [("Content-Type", kind)], body)
            else:
                answer = self._forwarded(call, who, environ)
        except RefusedError as refusal:
            self.history.add(**seen, error=refusal.code)
            raise
        failed = re.search(rb"<Code>([A-Za-z.]+)</Code>", answer[2]) if answer[0] >= "4" else None
        made = _made(call, answer[2])
        error = failed[1].decode() if failed else ("Error" if answer[0] >= "4" else "")
        self.history.add(**seen, answered=made, error=error)
        return answer

    def _allowed(self, call: Call, who: Principal) -> None:
        """https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html: never denied."""
        if who.user is None or call.action == "sts:GetCallerIdentity":
            return
        context = {"aws:TokenIssueTime": who.issued} if who.issued else {}
        documents = self.keys.policies(who)
        decision = decide(documents, call.action, context=context)
        if call.action == "sts:GetSessionToken" and decision != "explicitDeny":
            return  # a user needs no permission for it
        if decision != ALLOWED:
            raise _denied(call, who)

    def _forwarded(
        self, call: Call, who: Principal, environ: dict[str, Any]
    ) -> tuple[str, list[tuple[str, str]], bytes]:
        changed = str(call.asked.get("AccessKeyId") or "")
        usable = self.keys.status(changed) == "Active"
        environ["HTTP_X_MOTO_ACCOUNT_ID"] = who.account
        environ["wsgi.input"] = io.BytesIO(call.body)
        if call.service == "iam" and who.user is not None and "UserName" not in call.asked:
            self._only_its_own(call, who)
        seen: list[Any] = []

        def start(status: str, headers: list[tuple[str, str]], _info: Any = None) -> Any:
            seen[:] = [status, headers]
            return lambda _data: None

        body = b"".join(self._behind(environ, start))
        status, headers = seen
        if call.operation == "CreateAccessKey" and status.startswith("200"):
            self.keys.change(_text(body, "AccessKeyId"), False)
        if call.operation == "UpdateAccessKey" and status.startswith("200"):
            self.keys.change(changed, usable)
        return status, headers, body

    def _only_its_own(self, call: Call, who: Principal) -> None:
        """moto takes another user's key for the caller's where no user is named; AWS does not."""
        wanted = call.asked.get("AccessKeyId")
        if call.operation not in ("UpdateAccessKey", "DeleteAccessKey") or not wanted:
            return
        owner = self.keys.find(str(wanted), None)
        if owner is not None and owner.user != who.user:
            raise RefusedError(
                "NoSuchEntity", f"The Access Key with id {wanted} cannot be found", 404
            )


def _denied(call: Call, who: Principal) -> RefusedError:
    code = "AccessDeniedException" if call.service in _JSON else "AccessDenied"
    why = f"User: {who.arn} is not authorized to perform: {call.action}"
    return RefusedError(code, why, 400 if call.service in _JSON else 403)


# What moto does not answer ------------------------------------------------------------------------


def _lookup(gate: Gate, call: Call, _who: Principal) -> bytes:
    try:
        return json.dumps(gate.history.lookup(call.asked, call.region)).encode()
    except ThrottledError:
        raise RefusedError("ThrottlingException", "Rate exceeded", 400) from None
    except (ValueError, KeyError):
        raise RefusedError("InvalidLookupAttributesException", "one attribute", 400) from None


def _regions(_gate: Gate, _call: Call, _who: Principal) -> bytes:
    rows = [{"RegionName": name, "RegionOptStatus": "ENABLED_BY_DEFAULT"} for name in REGIONS]
    return json.dumps({"Regions": rows}).encode()


def _identity(_gate: Gate, call: Call, who: Principal) -> bytes:
    fields = {"Arn": who.arn, "UserId": who.user or who.account, "Account": who.account}
    return _xml(call, "".join(f"<{k}>{escape(v)}</{k}>" for k, v in fields.items()))


def _session(gate: Gate, call: Call, who: Principal) -> bytes:
    if who.token is not None:
        raise RefusedError("AccessDenied", "Cannot call GetSessionToken with session credentials")
    session, until = gate.keys.session(who, int(call.asked.get("DurationSeconds") or 43200))
    fields = {
        "AccessKeyId": session.key_id,
        "SecretAccessKey": session.secret,
        "SessionToken": session.token or "",
        "Expiration": until,
    }
    inner = "".join(f"<{k}>{escape(v)}</{k}>" for k, v in fields.items())
    return _xml(call, f"<Credentials>{inner}</Credentials>")


def _simulate(gate: Gate, call: Call, _who: Principal) -> bytes:
    arn = str(call.asked.get("PolicySourceArn", ""))
    subject = Principal("", "", arn, gate.keys.account, arn.rsplit("/", 1)[-1])
    documents = gate.keys.policies(subject)
    actions = [str(v) for k, v in call.asked.items() if k.startswith("ActionNames.member.")]
    rows = "".join(
        f"<member><EvalActionName>{escape(action)}</EvalActionName><EvalResourceName>*"
        f"</EvalResourceName><EvalDecision>{decide(documents, action, '*')}</EvalDecision></member>"
        for action in actions
    )
    results = f"<EvaluationResults>{rows}</EvaluationResults>"
    return _xml(call, f"<IsTruncated>false</IsTruncated>{results}")


def _service_credentials(gate: Gate, call: Call, _who: Principal) -> bytes:
    verb = call.operation.removesuffix("s").removesuffix("ServiceSpecificCredential")
    services = gate.services
    does = {
        "List": services.listed,
        "Create": services.create,
        "Update": services.update,
        "Delete": services.delete,
    }[verb]
    try:
        return _xml(call, does(call.asked))
    except FullError:
        why = "Cannot exceed quota for ServiceSpecificCredentialsPerUser: 2"
        raise RefusedError("LimitExceeded", why, 409) from None
    except MissingError:
        raise RefusedError("NoSuchEntity", "No such service-specific credential", 404) from None


def _rotate(gate: Gate, call: Call, _who: Principal) -> bytes:
    try:
        return json.dumps(gate.rotations.rotate(call.asked)).encode()
    except NotNowError as error:
        raise RefusedError("InvalidRequestException", str(error), 400) from None
    except KeyError:
        raise RefusedError("ResourceNotFoundException", "can't find it", 400) from None


_OWN: dict[str, Callable[[Gate, Call, Principal], bytes]] = {
    "iam:CreateServiceSpecificCredential": _service_credentials,
    "iam:ListServiceSpecificCredentials": _service_credentials,
    "iam:UpdateServiceSpecificCredential": _service_credentials,
    "iam:DeleteServiceSpecificCredential": _service_credentials,
    "cloudtrail:LookupEvents": _lookup,
    "account:ListRegions": _regions,
    "secretsmanager:RotateSecret": _rotate,
    "sts:GetCallerIdentity": _identity,
    "sts:GetSessionToken": _session,
    "iam:SimulatePrincipalPolicy": _simulate,
}


# The wire -----------------------------------------------------------------------------------------


def _read(environ: dict[str, Any]) -> Call:
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    headers = {
        name[5:].replace("_", "-").title(): str(value)
        for name, value in environ.items()
        if name.startswith("HTTP_")
    }
    if environ.get("CONTENT_TYPE"):
        headers["Content-Type"] = str(environ["CONTENT_TYPE"])
    scope = re.search(r"Credential=([^,\s]+)", headers.get("Authorization", ""))
    named = scope[1].split("/") if scope else []
    key_id, _, region, service = (*named[:4], "", "", "", "")[:4]
    target = headers.get("X-Amz-Target", "")
    if target:
        operation = target.rsplit(".", 1)[-1]
    elif str(environ.get("CONTENT_TYPE", "")).startswith("application/x-www-form-urlencoded"):
        operation = ""
    else:
        path = str(environ.get("PATH_INFO", "/"))
        by_path = _REST.get((service, str(environ.get("REQUEST_METHOD"))))
        by_path = by_path or _REST.get((service, path))
        operation = by_path or path[1:2].upper() + path[2:]
    asked: dict[str, Any] = {}
    if operation:
        try:
            asked = json.loads(body or b"{}")
        except ValueError:
            asked = {}
    else:
        asked = dict(parse_qsl(body.decode(), keep_blank_values=True))
        operation = str(asked.pop("Action", ""))
        asked.pop("Version", None)
    return Call(service, operation, region, key_id, asked, body, headers)


def _hang_up(environ: Mapping[str, Any]) -> None:
    """Cut the connection, as a network does. Always raises."""
    connection: socket.socket = environ["werkzeug.socket"]
    connection.shutdown(socket.SHUT_RDWR)
    raise ConnectionResetError


def _answer(start: StartResponse, status: int, body: bytes, call: Call) -> list[bytes]:
    kind = "application/x-amz-json-1.1" if call.service in _JSON else "text/xml"
    start(f"{status} .", [("Content-Type", kind), ("Content-Length", str(len(body)))])
    return [body]


def _error(call: Call, code: str, message: str) -> bytes:
    if call.service in _JSON:
        return json.dumps({"__type": code, "message": message}).encode()
    if call.service == "ec2":
        code = _EC2.get(code, code)
        error = f"<Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
        return (
            f"<Response><Errors>{error}</Errors><RequestID>{uuid.uuid4()}</RequestID></Response>"
        ).encode()
    return (
        f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code>"
        f"<Message>{escape(message)}</Message></Error>"
        f"<RequestId>{uuid.uuid4()}</RequestId></ErrorResponse>"
    ).encode()


def _xml(call: Call, inner: str) -> bytes:
    name = call.operation
    return (
        f"<{name}Response><{name}Result>{inner}</{name}Result><ResponseMetadata>"
        f"<RequestId>{uuid.uuid4()}</RequestId></ResponseMetadata></{name}Response>"
    ).encode()


def _text(body: bytes, name: str) -> str:
    found = re.search(rf"<{name}>([^<]*)</{name}>".encode(), body)
    return found[1].decode() if found else ""


def _made(call: Call, body: bytes) -> dict[str, Any] | None:
    """CloudTrail's ``responseElements``, of the two calls whose answers name what nothing else does."""
    found = _text(body, "AccessKeyId")
    if call.operation == "CreateAccessKey" and found:
        names = {"accessKeyId": "AccessKeyId", "userName": "UserName", "status": "Status"}
        return {"accessKey": {key: _text(body, name) for key, name in names.items()}}
    if call.operation == "GetSessionToken" and found:
        # The session's token is in the real one as well.
        token = _text(body, "SessionToken")
        return {"credentials": {"accessKeyId": found, "sessionToken": token}}
    return None


_SECRET_FIELDS = frozenset(["SecretString", "SecretBinary", "Value", "Password"])


def _without_secrets(asked: Mapping[str, Any]) -> dict[str, Any]:
    """``requestParameters``: names begin in lower case, and values are hidden."""
    return {
        name[:1].lower() + name[1:]: "HIDDEN" if name in _SECRET_FIELDS else value
        for name, value in asked.items()
    }

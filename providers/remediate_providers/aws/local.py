"""A local AWS: moto's server on loopback, with what moto lacks or does otherwise put before it.

Beside what moto answers there are CloudTrail's event history, policy simulation, sessions, permissions,
and keys that are refused once they are inactive. Each one is an account of its own, so that several can
run side by side, in one process too. Nothing of the real AWS is spoken to.
"""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Mapping
from typing import Any

from remediate.errors import PluginError
from remediate.model import ManualStep
from remediate.plugins.local import Planted
from remediate.secret import Secret
from remediate_providers.aws.local_gate import Gate
from remediate_providers.aws.local_keys import Keys
from remediate_providers.aws.local_trail import History

REGION = "us-east-1"
ADMIN = "incident-responder"
PLANTED = "app-deployer"
PLANTED_SECRET = "prod/app"  # noqa: S105 - a secret's name
_DEPLOYER = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": ["s3:PutObject", "s3:GetObject", "s3:ListBucket"],
            "Resource": ["*"],
        },
        {
            "Effect": "Allow",
            "Action": ["lambda:UpdateFunctionCode"],
            "Resource": [f"arn:aws:lambda:{REGION}:*:function:app"],
        },
    ],
}
_EVERYTHING = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": ["*"], "Resource": ["*"]}],
}


class LocalAws:
    """Starts a local AWS. *lag*: seconds until a key's change is felt, as at AWS; *throttle*: CloudTrail's."""

    name = "aws"
    in_demo = True

    def __init__(self, lag: float = 0.3, throttle: bool = True) -> None:
        self.lag = lag
        self.throttle = throttle

    def start(self) -> RunningAws:
        """Up when this returns. Raises `PluginError` where moto or flask is not installed."""
        try:
            from moto.moto_server.werkzeug_app import (
                DomainDispatcherApplication,
                MotoRequestHandler,
                create_backend_app,
            )
            from werkzeug.serving import make_server
        except ImportError as error:
            raise PluginError(
                f"The local AWS needs {error.name or 'moto'}, which is not installed.",
                hint="pip install 'remediate[demo]'",
            ) from None

        class Quiet(MotoRequestHandler):
            """Writes nothing to standard error."""

            def log(self, *_: Any, **__: Any) -> None:
                pass

        keys = Keys(str(secrets.randbelow(9 * 10**11) + 10**11), self.lag)
        behind = DomainDispatcherApplication(create_backend_app)
        gate = Gate(keys, History(self.throttle), behind)
        server = make_server("127.0.0.1", 0, gate, threaded=True, request_handler=Quiet)
        return RunningAws(gate, server)


class RunningAws:
    """A local AWS that is up: one account, its root user, and one user who may do everything."""

    name = "aws"

    def __init__(self, gate: Gate, server: Any) -> None:
        self.gate = gate
        """What stands before moto: `Gate.faults` and `Gate.calls` are for tests."""
        self.account = gate.keys.account
        self.url = f"http://127.0.0.1:{server.server_port}"
        self._server = server
        self._planted = 0
        self._core: Any = None
        self._clients: dict[str, Any] = {}
        self._thread = threading.Thread(target=server.serve_forever, daemon=True)
        self._thread.start()
        self._admin = self.user(ADMIN, _EVERYTHING)

    def environment(self) -> Mapping[str, str]:
        """The base address and the credentials of the user who may do everything."""
        return self.environment_of(self._admin)

    def environment_of(self, values: Mapping[str, Secret]) -> Mapping[str, str]:
        """The base address, and a key's *values* as the responder's own credentials."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": values["id"].reveal_text(),
            "AWS_SECRET_ACCESS_KEY": values["secret"].reveal_text(),
            "AWS_DEFAULT_REGION": REGION,
            # Whatever the user has set would go before these, or to the real AWS.
            "AWS_REGION": REGION,
            "AWS_SESSION_TOKEN": "",
            "AWS_PROFILE": "",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def plant(self) -> Planted:
        """A user with a key that a settings file holds, and a secret that the application reads."""
        self._planted += 1
        suffix = f"-{self._planted}" if self._planted > 1 else ""
        values = self.user(f"{PLANTED}{suffix}", _DEPLOYER)
        key_id, secret = values["id"].reveal_text(), values["secret"].reveal_text()
        place = f"{PLANTED_SECRET}{suffix}"
        held = {
            "AWS_ACCESS_KEY_ID": key_id,
            "AWS_SECRET_ACCESS_KEY": secret,
            "DATABASE_HOST": "db.internal",
            "FEATURE_FLAGS": {"checkout": True},
        }
        self.client("secretsmanager").create_secret(Name=place, SecretString=json.dumps(held))
        text = (
            '"""Settings of the deployment."""\n\n'
            f'AWS_REGION = "{REGION}"\n'
            f'AWS_ACCESS_KEY_ID = "{key_id}"\n'
            f'AWS_SECRET_ACCESS_KEY = "{secret}"\n'
            'BUCKET = "acme-deployments"\n'
        )
        store = f"aws-secrets-manager:{place}#AWS_ACCESS_KEY_ID=id,AWS_SECRET_ACCESS_KEY=secret"
        return Planted(
            files={"config/settings.py": text},
            values=values,
            policy=f'[[credential]]\nmatch = "aws"\nstores = ["{store}"]\n',
        )

    def user(self, name: str, policy: Mapping[str, Any]) -> dict[str, Secret]:
        """Make an IAM user with an inline *policy* and one key; the key's values."""
        iam = self.client("iam")
        iam.create_user(UserName=name)
        iam.put_user_policy(UserName=name, PolicyName="work", PolicyDocument=json.dumps(policy))
        return self.key(name)

    def key(self, user: str) -> dict[str, Secret]:
        """Make one more key for *user*; usable at once, without the lag of a key made otherwise."""
        made = self.client("iam").create_access_key(UserName=user)["AccessKey"]
        self.gate.keys.change(made["AccessKeyId"], True)
        return {"id": Secret(made["AccessKeyId"]), "secret": Secret(made["SecretAccessKey"])}

    def client(self, service: str) -> Any:
        """A botocore client of the account's root user."""
        import botocore.session
        from botocore.config import Config

        if service not in self._clients:
            root = self.gate.keys.root
            # No profile: one that is set on this machine is nothing of this account's.
            no_profile = {"profile": (None, None, None, None)}
            self._core = self._core or botocore.session.Session(session_vars=no_profile)
            self._clients[service] = self._core.create_client(
                service,
                region_name=REGION,
                endpoint_url=self.url,
                aws_access_key_id=root.key_id,
                aws_secret_access_key=root.secret,
                config=Config(proxies={}, ignore_configured_endpoint_urls=True),
            )
        return self._clients[service]

    def is_dead(self, values: Mapping[str, Secret]) -> bool:
        """Whether the key is inactive or deleted, as moto itself has it."""
        return self.gate.keys.status(values["id"].reveal_text()) != "Active"

    def person(self, step: ManualStep) -> Secret | None:  # noqa: ARG002 - the interface's
        """Nothing: every step of AWS's can be done by call here."""
        return None

    def close(self) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=5)

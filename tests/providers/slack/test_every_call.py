"""That no call to Slack is left out of the walks of faults."""

from __future__ import annotations

from remediate.testing.every_call import EveryCall
from tests.providers.slack import test_slack


class TestEveryCall(EveryCall):
    package = "remediate_providers.slack"
    shared = "remediate_providers"
    walks = (
        test_slack.TestATokensFaults,
        test_slack.TestAWebhooksFaults,
        test_slack.TestARefreshTokensFaults,
        test_slack.TestALongLivedTokensFaults,
    )
    walked_elsewhere = {  # noqa: RUF012
        "exchange.py: _given_up: api.effect('POST', '/auth.revoke')": (
            "test_slack: what is done once another call has gone wrong"
        ),
    }

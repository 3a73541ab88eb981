"""That no call to Google is left out of the walks of faults."""

from __future__ import annotations

from remediate.testing.every_call import EveryCall
from tests.providers.google import test_google


class TestEveryCall(EveryCall):
    package = "remediate_providers.google"
    shared = "remediate_providers"
    walks = (test_google.TestAKeysFaults,)

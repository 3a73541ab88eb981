"""That no call to Azure is left out of the walks of faults."""

from __future__ import annotations

from remediate.testing.every_call import EveryCall
from tests.providers.azure import test_azure


class TestEveryCall(EveryCall):
    package = "remediate_providers.azure"
    shared = "remediate_providers"
    walks = (test_azure.TestASecretsFaults,)

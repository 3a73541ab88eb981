"""That no call to Vercel is left out of the walks of faults."""

from __future__ import annotations

from remediate.testing.every_call import EveryCall
from tests.providers.vercel import test_shared, test_vercel


class TestEveryCall(EveryCall):
    package = "remediate_providers.vercel"
    shared = "remediate_providers"
    walks = (
        test_vercel.TestVercelsFaults,
        test_vercel.TestTheStoresFaults,
        test_vercel.TestOneThatIsThereFaults,
        test_shared.TestTheStoresFaults,
        test_shared.TestASensitiveOnesFaults,
    )

"""That no call to a cluster is left out of the walks of faults."""

from __future__ import annotations

from remediate.testing.every_call import EveryCall
from tests.providers.kubernetes import test_faults


class TestEveryCall(EveryCall):
    package = "remediate_providers.kubernetes"
    walks = (
        test_faults.TestKubernetesFaults,
        test_faults.TestKubernetesStoreFaults,
        test_faults.TestASecretThatIsNotThereFaults,
        test_faults.TestExternalSecretFaults,
    )

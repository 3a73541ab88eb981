"""AWS Health's event for an exposed access key, as EventBridge hands it on.

https://docs.aws.amazon.com/health/latest/ug/aws-health-concepts-and-terms.html; the event types are of the
service RISK: AWS_RISK_CREDENTIALS_EXPOSED, _EXPOSURE_SUSPECTED, _COMPROMISED. It names the key id and neither
the secret nor a place: both are looked for in the repository (`remediate.incident.companions`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from remediate.model import Finding, Location
from remediate.plugins.report import Document
from remediate.reports.entries import Entry, entries
from remediate.reports.places import moment
from remediate.reports.shape import shape_of
from remediate.reports.text import label
from remediate.secret import Secret

_CODE = "AWS_RISK_CREDENTIALS_"
_OTHER = "Give the event that names the exposed key, or the key id and its secret one a line."


class AwsHealth:
    """An event of AWS Health, by EventBridge's envelope."""

    name = "aws-health"
    title = "AWS Health event of an exposed key"

    def recognises(self, document: Document) -> bool:
        """See `ReportFormat.recognises`."""
        shape = shape_of(document)
        return {"detail-type", "source", "detail"} <= shape.names and "eventTypeCode" in shape.inner

    def read(self, document: Document) -> Sequence[Finding]:
        """See `ReportFormat.read`."""
        return [finding for entry in entries(document) for finding in _findings(entry)]


def _findings(event: Entry) -> Iterator[Finding]:
    detail = event.entry("detail")
    code = detail.text("eventTypeCode")
    if not code.startswith(_CODE):
        raise detail.wrong(
            "eventTypeCode", f"an event {_CODE}…", found="another event", hint=_OTHER
        )
    affected = detail.inner("affectedEntities")
    if not affected:
        raise detail.wrong("affectedEntities", "an access key id", found="nothing", hint=_OTHER)
    for entity in affected:
        key_id = entity.text("entityValue")
        if not key_id.isalnum():
            raise entity.wrong("entityValue", "an access key id", found="other text")
        yield Finding(
            value=Secret(key_id),
            location=Location(),
            rule=label(code),
            detected_at=moment(event.optional_text("time")),
            source=label(event.optional_text("id"), 200),
        )

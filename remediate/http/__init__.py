"""HTTP for every vendor: the rules that hold for all of them, once, over `requests`.

`Http.send` asks once. `Http.ask` asks patiently, and again only where that is harmless. `requests` is
imported when the first request goes out, not with this package: it takes a tenth of a second.
"""

from remediate.http.address import base_url, is_loopback
from remediate.http.answer import Answer
from remediate.http.error import HttpError
from remediate.http.patience import LONGEST, Patience, backoff
from remediate.http.session import ATTEMPTS, MAX_BODY, Http

__all__ = [
    "ATTEMPTS",
    "Answer",
    "Http",
    "HttpError",
    "LONGEST",
    "MAX_BODY",
    "Patience",
    "backoff",
    "base_url",
    "is_loopback",
]

"""What is raised where there is no usable answer."""

from __future__ import annotations


class HttpError(Exception):
    """No usable answer. `sent` tells whether the request may have reached the vendor.

    `again` tells whether asking again could help. The text names the host and the cause, never the
    URL's path or query, a header or a body.
    """

    def __init__(self, message: str, *, sent: bool, again: bool = True) -> None:
        super().__init__(message)
        self.sent = sent
        self.again = again

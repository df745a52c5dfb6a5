"""Delivery: what can become of a message that leaves the house.

UndeliveredError
├── LaterError    not now: the way is down, or the other side asks for patience
└── NeverError    refused for good: no use in sending the same again
"""


class UndeliveredError(Exception):
    """Root of why a message did not arrive; the text says what the other side, or its absence, said."""


class LaterError(UndeliveredError):
    """It may arrive later. `everybody`: nothing else gets through on this way either, for the moment."""

    def __init__(self, why: str, *, everybody: bool = False) -> None:
        super().__init__(why)
        self.everybody = everybody


class NeverError(UndeliveredError):
    """The other side, or a rule of ours, refuses it for good."""

"""Device: what a device does on the link, and the client that does it.

Door: DeviceClient, DiskQueue and its errors, and the messages themselves for who speaks for many devices at once.
"""

from network.device.client import DeviceClient, Sent
from network.device.messages import (
    BACKFILL_AFTER_US,
    MOST_PER_LIST,
    birth_message,
    readings_messages,
    state_message,
)
from network.device.queue import DiskQueue, QueueError, QueueFullError, QueueUnusableError, ReadingTooLargeError

__all__ = [
    "BACKFILL_AFTER_US",
    "MOST_PER_LIST",
    "DeviceClient",
    "DiskQueue",
    "QueueError",
    "QueueFullError",
    "QueueUnusableError",
    "ReadingTooLargeError",
    "Sent",
    "birth_message",
    "readings_messages",
    "state_message",
]

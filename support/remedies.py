"""Remedies: what to do about a Reject, in one line for each reason."""

from collections.abc import Sequence

from perception.readings import Reason

_REMEDIES = {
    Reason.BAD_TOPIC: "let it publish on hearthline/v1/<device>/readings; then hearthline rejects drop",
    Reason.UNMAPPED: "correct the mapping (hearthline map try), then hearthline rejects replay --reason unmapped",
    Reason.UNKNOWN_DEVICE: "hearthline rejects fix {device} --kind K --station S adds it and replays what waits; "
    "a foreign one: hearthline foreign approve {device}",
    Reason.DERIVED_DEVICE: "send under the name of the device itself: what follows from it is computed here",
    Reason.INACTIVE_DEVICE: "hearthline devices approve {device} --station S; what waits is then replayed",
    Reason.UNKNOWN_KIND: "install the kind, then hearthline rejects replay --reason unknown_kind",
    Reason.MALFORMED: "correct the sender: hearthline rejects show ID shows its bytes; then hearthline rejects drop",
    Reason.EMPTY: "nothing was reported: correct the sender, then hearthline rejects drop",
    Reason.BAD_TIME: "send epoch milliseconds or ISO 8601 with a zone",
    Reason.TIME_OUT_OF_BOUNDS: "set the device's clock; a reading a little ahead can be replayed later",
    Reason.BEYOND_RETENTION: "raise tend.raw_days, then hearthline rejects replay --reason beyond_retention",
    Reason.BAD_POINT: "a name: hearthline rejects fix {device} --point {points} --as POINT [--unit U]; a type: mend it",
    Reason.BAD_BIRTH: "correct the device's birth message; then hearthline rejects drop",
    Reason.BAD_STATE: "correct the device's state message; then hearthline rejects drop",
    Reason.BAD_REPLY: "a reply has the id of the command that it answers: correct the sender; then rejects drop",
    Reason.CONFLICT: "the first value stays: see hearthline rejects show ID, then hearthline rejects drop",
    Reason.UNSTORABLE: "read the detail with hearthline rejects show ID; after mending, hearthline rejects replay",
}


def remedy(reason: str, device: str | None, points: Sequence[str] = ()) -> str:
    """Return what to do about rejects of a reason; a reason of a later version has no remedy here."""
    try:
        return _REMEDIES[Reason(reason)].format(device=device or "<device>", points=points[0] if points else "NAME")
    except ValueError:
        return "this version does not know the reason"

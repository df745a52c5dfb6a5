"""Perception: what is sensed. The vocabulary that every other layer speaks.

Verb: none; it is what the verbs are about. Door: Point, SensorKind, Surroundings, Readings, Reject, Catalogue, Roster,
and the pure steps decode (payload) and validate.
Calls: nobody. Refuses: I/O, clocks, vendor libraries other than pydantic, numpy and msgspec (the JSON codec).
"""

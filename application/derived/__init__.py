"""Derived: what follows from the readings of a station, as points of a device of its own.

`quantities` are the formulas, pure; `rows` lays out what they need and what they give; `keeping` writes it; tend does
so every ten minutes from completed ten-minute rollups.
"""

"""Components: what pages are made of. Pure functions from read models to markup; no clock, no I/O.

Elements that move carry data attributes (data-device, data-point, ...) that assets/live.js reads.
"""

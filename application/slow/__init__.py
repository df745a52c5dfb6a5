"""Slow: rules that take hours to be sure, over ten-minute means; and what they learn of each station by itself.

Pure, like the fast watch: no I/O and no clock. `application.slow.watch` is its spine; tend feeds it with rollups
(application/slow_tending.py), a trial with means of its own.
"""

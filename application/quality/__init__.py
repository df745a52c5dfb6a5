"""Quality: what is known of a value only later: that its sensor stood still, told a code, or was off.

`sensing` finds it in buckets of the past, pure; `spans` keeps it in the table quality_span; tend does so every ten
minutes. Rollups, series and slow rules leave out what a span covers.
"""

"""Metering: what flowed, hour by hour, as the counters of meters tell it."""

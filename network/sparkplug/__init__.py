"""Sparkplug B 3.0, the side of a host: births, data and deaths of edge nodes and their devices. Pure but for its book.

Door: hearing.Sparkplug, order.Order, host. What came over the wire is interpreted here and nowhere else.
"""

"""Application: what the readings mean.

Verb: watch. Door: watch, rule, alarm, views, read_models.
Calls: support (ports, tables), perception. Refuses: brokers, drivers, pages.
"""

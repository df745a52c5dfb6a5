"""Support: where facts rest. The data platform of everything above it.

Verb: store. Door: store (ports), tables, columns, ingest, and the adapter postgres.
Calls: network (ports), perception. Refuses: rules, pages.
"""

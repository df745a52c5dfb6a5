"""Presentation: how people see it.

Verb: show. Door: app.
Calls: application, perception, support value types. Refuses: brokers, drivers, SQL.
"""

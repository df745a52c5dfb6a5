"""Service: what citizens are owed by the rules, and what they got: room temperatures, measurements, refunds.

Door: rules (pure), book (the tables), commands (verbs).
"""

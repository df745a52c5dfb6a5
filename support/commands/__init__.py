"""Verbs of the command line that speak for support: functions that take ports, and say what they found as rows."""

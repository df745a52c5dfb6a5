"""Notify: who is told of an incident, when, over which channel and in which words; and that it really goes out."""

"""Requests: what citizens ask for, who has it now, until when, and what they say of how it ended."""

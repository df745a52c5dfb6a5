"""Conformance: a tour of a real device: does it do what docs/how-to/connect-a-device.md asks for.

Door: `judging` (pure: what was heard, to verdicts), `tour` (listens and asks), `commands` (the verb).
"""

"""Likeness: figures that say how a heat station behaves, taken alike from a simulated and from a real one.

Pure: series in, figures out. Door: track, figures, verdicts.
"""

"""Trial: what the pretend world is for: the engine is judged by faults that it is not told of.

`score` (score.py): simulated columns to an engine that is handed in, then what it raised against what was wrong.
The engine runs in a process of its own and sees what devices say, and the catalogue, and nothing else.
"""

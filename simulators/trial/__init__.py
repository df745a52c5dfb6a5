"""Trial: what the pretend world is for: the whole is tried out on it. What is tried is handed in as functions.

`score` (score.py): simulated columns to an engine that is not told of the faults, then what it raised against what was
wrong. The engine runs in a process of its own and sees what devices say, and the catalogue, and nothing else.
`drill` (drill.py): a fault in the running city, followed from the sensor to the proof of its work order.
"""

"""Trial: the engine as `hearthline score` drives it: columns in, alarms out, in a process that knows no pretend world.

Door: `EngineApart` (apart.py), which hearthline.py hands to the score. Inside the process: reception.py reads what
comes, engine.py steps the watch, the slow rules and the grouping, book.py keeps the alarms.
"""

"""Emergency: something that one body leads and others support in, its shared timeline, and what the public is told.

Door: cap (pure), book (the tables), commands (verbs).
"""

"""Trial: the pretend world tries out the whole; what it tries is handed in as functions."""

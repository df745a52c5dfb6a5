"""Work: who is responsible for what goes wrong, and the orders that put it right, from the alarm to the proof."""

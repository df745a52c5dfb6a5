"""One file per step, v0001 on; a step of plain SQL keeps it in a file of the same name beside it."""

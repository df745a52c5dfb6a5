"""Heat: the physics of many heat-exchange stations at once, as arrays. Pure: time and dice are arguments."""

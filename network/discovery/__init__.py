"""Home Assistant MQTT discovery: configs understood as births, states of what was approved taken as readings.

Door: hearing.Discovery. Nothing that came from outside is executed: templates are recognised or refused.
"""

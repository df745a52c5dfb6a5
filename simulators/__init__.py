"""Simulators: the pretend world.

Verb: publish. Door: fleet, replay, city.
Calls: network, perception. Refuses: the database; it knows the platform only through MQTT, as a device does.
"""

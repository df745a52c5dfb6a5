"""Network: how bytes travel, from a device to a Batch.

Verb: receive. Door: topics, link (ports and shapes), receive, mapping_files (foreign controllers), and the adapters
mqtt, broker, device.
Calls: perception. Refuses: SQL, rules, pages; knowing what a reading means.
"""

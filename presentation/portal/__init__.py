"""Portal: what citizens see. One question, one answer, from the reviewed projection alone.

Verb: show. Door: app (create_portal).
Calls: application.public, application.answer, presentation.texts.
Refuses: scripts as a need, other hosts, any data beyond the projection.
"""

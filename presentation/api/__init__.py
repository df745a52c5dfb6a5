"""API: the console's read models as JSON, one router per resource, described at /api and /api/openapi.json."""

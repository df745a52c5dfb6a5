"""The open data keep to their own description, whatever is asked."""

import schemathesis
from hypothesis import HealthCheck, given, settings


def test_whatever_is_asked_is_answered_as_described(town):
    schema = schemathesis.openapi.from_asgi("/api/openapi.json", town.portal())
    operations = [found.ok() for found in schema.get_all_operations()]
    assert len(operations) == 6
    for operation in operations:

        @given(case=operation.as_strategy())
        @settings(max_examples=15, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        def ask(case):
            case.call_and_validate()

        ask()

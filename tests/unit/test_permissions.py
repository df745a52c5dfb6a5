"""Roles and what they may do."""

from application.accounts.permission import ROLES, Permission, Role


def test_every_role_may_something_and_only_an_administrator_may_all():
    assert set(ROLES) == set(Role)
    assert [role for role, may in ROLES.items() if may == set(Permission)] == [Role.ADMINISTRATOR]
    assert all(ROLES.values())


def test_who_supervises_answers_for_no_request():
    assert Permission.REQUESTS not in ROLES[Role.SUPERVISOR]


def test_one_person_alone_cannot_exceed_a_bound():
    assert Permission.COMMANDS_CONFIRM not in ROLES[Role.OPERATOR]

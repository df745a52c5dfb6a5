"""Invitations: taken once, in time, by whoever comes first; what lies in the folder opens nothing."""

import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from support.commands.signing import SIGN_IN, invited
from support.home import open_home
from support.invitations import INVITED_S, SESSION_S, InvitationError, Invitations


class Clock:
    now = 1_000_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def invitations(tmp_path, clock):
    return Invitations(tmp_path, clock)


def test_an_invitation_opens_one_session_in_its_name(invitations):
    word = invitations.invite("anna")
    key = invitations.redeem(word)
    assert invitations.holder(key).name == "anna"
    assert invitations.redeem(word) is None
    invitations.leave(key)
    assert invitations.holder(key) is None


def test_of_many_who_bring_the_same_word_one_gets_in(invitations):
    word = invitations.invite("anna")
    with ThreadPoolExecutor(8) as crowd:
        keys = list(crowd.map(lambda _: invitations.redeem(word), range(32)))
    assert len([key for key in keys if key is not None]) == 1


def test_invitations_and_sessions_end_with_their_time_and_are_swept(invitations, clock, tmp_path):
    late, key = invitations.invite("late"), invitations.redeem(invitations.invite("anna"))
    clock.now += INVITED_S
    assert invitations.redeem(late) is None
    assert invitations.holder(key) is not None
    clock.now += SESSION_S
    assert invitations.holder(key) is None
    invitations.redeem(invitations.invite("next"))
    assert len(list((tmp_path / "sessions").iterdir())) == 1
    assert not list((tmp_path / "invitations").iterdir())


def test_what_lies_in_the_folder_is_private_and_opens_nothing(invitations, tmp_path):
    word = invitations.invite("anna")
    (file,) = (tmp_path / "invitations").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert word not in file.name + file.read_text()
    assert invitations.redeem(file.name) is None


@pytest.mark.parametrize("name", ["", "a b", "../etc", "a" * 41, "a\n", "<b>"])
def test_a_name_that_is_none_is_refused(invitations, name):
    with pytest.raises(InvitationError, match="is no name"):
        invitations.invite(name)


@pytest.mark.parametrize("word", ["", "x", "../../etc/passwd", "\x00", "\ud800", "w" * 100_000])
def test_words_of_no_invitation_open_nothing(invitations, word):
    assert invitations.redeem(word) is None
    assert invitations.holder(word) is None


def test_a_broken_file_opens_nothing(invitations, tmp_path):
    word = invitations.invite("anna")
    (file,) = (tmp_path / "invitations").iterdir()
    file.write_text("[1]")
    assert invitations.redeem(word) is None


def test_the_address_of_the_console_carries_the_word_where_browsers_keep_it(tmp_path):
    home = open_home(tmp_path)
    address = invited(home, "http://127.0.0.1:8050/", "anna")
    base, _, word = address.partition(SIGN_IN)
    assert base == "http://127.0.0.1:8050/"
    assert Invitations(home.run).redeem(word)

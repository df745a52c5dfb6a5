"""Kind files: whatever somebody puts into perception/kinds, a run takes in what was checked and nothing else."""

import asyncio
import os
import sys
import time

import pytest

from support import kind_files, kind_watch
from support.kind_files import LARGEST, fingerprints, take_in
from support.kind_watch import KindWatch, _adopt


@pytest.fixture
def source(tmp_path, monkeypatch):
    """A folder that stands in for perception/kinds, with one file in it."""
    folder = tmp_path / "kinds"
    folder.mkdir()
    (folder / "good.py").write_text("KIND = 1\n")
    monkeypatch.setattr(kind_files, "SOURCE", folder)
    return folder


def copied(folder):
    return {file.name: file.read_text() for file in folder.iterdir()}


def test_what_is_no_file_is_passed_over(source, tmp_path):
    (source / "a_folder.py").mkdir()
    (source / "nowhere.py").symlink_to(tmp_path / "not_there.py")
    os.mkfifo(source / "a_pipe.py")  # whoever opens it waits for a writer
    now = fingerprints()
    assert list(now) == ["good.py"]
    take_in(tmp_path / "copy", now)
    assert copied(tmp_path / "copy") == {"good.py": "KIND = 1\n"}


def test_a_file_that_changed_after_it_was_checked_is_not_taken_in(source, tmp_path):
    copy = tmp_path / "copy"
    take_in(copy, fingerprints())
    (source / "good.py").write_text("KIND = 2\n")
    (source / "late.py").write_text("KIND = 3\n")
    checked = fingerprints()
    (source / "good.py").write_text("half of a fi")
    (source / "late.py").write_text("half of a fi")
    take_in(copy, checked)
    assert copied(copy) == {"good.py": "KIND = 1\n"}


class Nobody:
    async def renew(self, name):
        raise AssertionError(f"{name} must not be started again")


def test_a_file_beyond_all_measure_is_refused_without_being_read(source, tmp_path):
    said, told = [], []
    before = fingerprints()
    with (source / "vast.py").open("wb") as file:
        file.truncate(100 * LARGEST)
    began = time.monotonic()
    for _ in range(20):
        now = fingerprints()
    assert time.monotonic() - began < 0.5
    asyncio.run(KindWatch(Nobody(), tmp_path / "copy", before, said.append, told.append)._try(now))
    assert "vast.py" in told[-1][0]
    assert "at most 1 MiB" in told[-1][0]


def program(folder, text):
    """Write a program that stands in for Python, which would check the kinds."""
    file = folder / "python"
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)
    return str(file)


def test_a_check_that_ends_without_a_word_was_none(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", program(tmp_path, "exit 0"))  # as os._exit(0) in a file does
    status, lines = asyncio.run(_adopt())
    assert status != 0
    assert "ended before every kind was checked" in lines[-1]


def test_a_check_that_never_ends_and_has_children_ends_in_time_and_little_is_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", program(tmp_path, "sleep 1000 & yes rubbish"))
    monkeypatch.setattr(kind_watch, "ADOPT_WITHIN_S", 0.5)
    began = time.monotonic()
    status, lines = asyncio.run(_adopt())
    assert (status, lines) == (1, ["it did not come to an end within 0 s"])
    assert time.monotonic() - began < 100  # of the thousand that it would take


def test_of_what_a_check_says_the_end_is_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", program(tmp_path, "yes rubbish | head -c 9000000; echo the end; exit 3"))
    status, lines = asyncio.run(_adopt())
    assert (status, lines[-1]) == (3, "the end")
    assert len(lines) <= kind_watch.MOST_SAID

"""Files that are whole or not there, and work that one process does while others wait."""

import errno
import os
import threading
import time
from pathlib import Path

import pytest
from filelock import FileLock

from vton_aux.errors import UserError
from vton_aux.files import (
    alone,
    check_writable,
    read_object,
    whole,
    whole_folder,
    write_json,
    write_text,
)


def test_a_file_whose_writing_failed_is_as_it_was(tmp_path):
    path = tmp_path / "new" / "file"
    write_text(path, "before")

    def half():
        with whole(path) as part:
            part.write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        half()
    assert path.read_text() == "before"
    assert list(path.parent.iterdir()) == [path]


def test_an_error_of_the_disk_names_the_file(tmp_path):
    path = tmp_path / "file"
    with pytest.raises(OSError, match="No space left") as told, whole(path) as part:  # noqa: PT012
        part.touch()
        Path("/dev/full").write_bytes(b"a")
    assert told.value.filename == str(path)
    assert not [*tmp_path.iterdir()]
    with pytest.raises(FileNotFoundError) as told, whole(path):
        (tmp_path / "another").read_bytes()
    assert told.value.filename == str(tmp_path / "another")


def test_a_folder_is_whole_or_not_there(tmp_path):
    path = tmp_path / "new" / "folder"

    def fill(error):
        with whole_folder(path) as part:
            (part / "file").write_text(path.name)
            assert not path.exists()
            if error is not None:
                raise error

    for error in (ZeroDivisionError(), KeyboardInterrupt()):
        with pytest.raises(type(error)):
            fill(error)
        assert not [*path.parent.iterdir()]
    with pytest.raises(OSError, match="No space left") as told:
        fill(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    assert told.value.filename == str(path)
    fill(None)
    assert [*path.parent.iterdir()] == [path]
    assert (path / "file").read_text() == path.name
    assert path.stat().st_mode == path.parent.stat().st_mode  # open to whom others are


def test_of_two_that_make_a_folder_the_first_is_kept(tmp_path):
    path = tmp_path / "folder"
    path.mkdir()  # an empty one gives way
    with pytest.raises(OSError, match="not empty"), whole_folder(path) as slower:  # noqa: PT012
        (slower / "of").write_text("the slower one")
        with whole_folder(path) as faster:
            (faster / "of").write_text("the faster one")
    assert [*tmp_path.iterdir()] == [path]
    assert (path / "of").read_text() == "the faster one"


@pytest.mark.parametrize("content", [None, "", "{", "[1]", "null", '"text"', "{}"])
def test_a_file_without_an_object_is_an_empty_one(tmp_path, content):
    path = tmp_path / "file.json"
    if content is not None:
        path.write_text(content)
    assert read_object(path) == {}
    assert read_object(tmp_path) == {}
    path.write_bytes(b'{"a": "\xff"}')
    assert read_object(path) == {}
    write_json(path, {"a": [1, None]})
    assert read_object(path) == {"a": [1, None]}


def test_a_second_process_says_that_it_waits_and_then_works(tmp_path, capsys):
    path, done = tmp_path / "folder" / "result", threading.Event()

    def work():
        with alone(path):
            done.set()

    path.parent.mkdir()
    other = threading.Thread(target=work)
    with FileLock(path.with_name("result.lock")):
        other.start()
        deadline, told = time.monotonic() + 60, ""
        while not told and time.monotonic() < deadline:
            time.sleep(0.02)
            told = capsys.readouterr().out
        assert told == f"{path}: another process is at work on it; waiting\n"
        assert not done.is_set()
    other.join(60)
    assert done.is_set()
    with alone(path):  # given back
        pass
    assert capsys.readouterr().out == ""


def test_where_nothing_can_be_written_is_told(tmp_path):
    (tmp_path / "file").touch()
    for path, reason in (
        (tmp_path / "file" / "below", ".*/file is no folder"), (tmp_path, "a folder"),
    ):  # fmt: skip
        with pytest.raises(UserError, match=rf"cannot be written \(({reason})\)"):
            check_writable(path)

import os

import pytest

from curate.errors import UsageError
from curate.storage.sources import listing


def write(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)


def relative(*patterns):
    return [file.relative for file in listing([str(pattern) for pattern in patterns])]


def test_files_are_in_byte_order_of_their_relative_paths(tmp_path):
    write(tmp_path, "b/2", "b/10", "B/1", "a-1/x", "a/x", "é", "z")
    assert relative(tmp_path) == ["B/1", "a-1/x", "a/x", "b/10", "b/2", "z", "é"]


def test_order_and_number_of_patterns_make_no_difference(tmp_path):
    write(tmp_path, "a/1", "a/2", "b/3")
    once = listing([str(tmp_path)])
    assert listing([str(tmp_path / "b"), str(tmp_path / "a/*"), str(tmp_path / "a/1"), str(tmp_path)]) == once


def test_hidden_files_are_passed_over_in_folders_but_not_by_name(tmp_path):
    write(tmp_path, ".hidden", ".git/x", "a/.b", "a/c")
    assert relative(tmp_path) == ["c"]
    assert relative(tmp_path / ".hidden") == [".hidden"]


def test_globs(tmp_path):
    write(tmp_path, "a/1.txt", "a/2.csv", "a/b/3.txt")
    assert relative(tmp_path / "**/*.txt") == ["1.txt", "b/3.txt"]
    assert relative(tmp_path / "a") == ["1.txt", "2.csv", "b/3.txt"]
    assert relative(tmp_path / "?") == ["1.txt", "2.csv", "b/3.txt"]


def test_a_name_with_brackets_is_a_name(tmp_path):
    write(tmp_path, "a[1].txt")
    assert relative(tmp_path / "a[1].txt") == ["a[1].txt"]


def test_where_the_folder_lies_makes_no_difference(tmp_path):
    write(tmp_path, "x/a/1", "y/z/a/1")
    assert relative(tmp_path / "x") == relative(tmp_path / "y")


def test_size_and_time_are_known(tmp_path):
    write(tmp_path, "abc")
    os.utime(tmp_path / "abc", ns=(1, 1_700_000_000_123_456_789))
    (file,) = listing([str(tmp_path / "abc")])
    assert (file.size, file.stamp) == (3, "1700000000123456789")


@pytest.mark.parametrize("pattern", ["nothing", "no*", "empty", "s3://bucket/x"])
def test_what_names_nothing_is_an_error(tmp_path, pattern):
    (tmp_path / "empty").mkdir()
    given = pattern if "://" in pattern else str(tmp_path / pattern)
    with pytest.raises(UsageError, match=r"source '.*': "):
        listing([given])


def test_links_are_followed_once(tmp_path):
    write(tmp_path, "in/a/1", "out/2")
    (tmp_path / "in/b").symlink_to(tmp_path / "out")
    (tmp_path / "in/a/round").symlink_to(tmp_path / "in")
    (tmp_path / "in/c").symlink_to(tmp_path / "in/a/1")
    assert relative(tmp_path / "in") == ["in/a/1", "out/2"]


def test_what_cannot_be_read_is_an_error_and_not_left_out(tmp_path):
    for i, (name, make) in enumerate(
        (
            ("lost", lambda path: path.symlink_to(tmp_path / "nowhere")),
            ("pipe", os.mkfifo),
            (os.fsdecode(b"\xe9"), lambda path: path.write_text("x")),
        )
    ):
        folder = tmp_path / str(i)
        folder.mkdir()
        make(folder / name)
        with pytest.raises(UsageError, match=r"source .*(No such file|not a regular file|not UTF-8)"):
            listing([str(folder)])

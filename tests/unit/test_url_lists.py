import pyarrow as pa
import pytest

from curate.algorithms import url_lists
from curate.errors import DataError


def test_files_are_read_as_one_list(tmp_path):
    (tmp_path / "a").write_bytes(b"\xef\xbb\xbfspam.example\r\n\r\n  # a comment\n\tEXAMPLE.org/bad/ \n")
    (tmp_path / "b").write_bytes(b"https://\xff.example/page?id=1")
    found = url_lists.read([str(tmp_path / "a"), str(tmp_path / "b")])
    addresses = ["http://www.spam.example/x", "https://example.org/bad/1", "http://example.org/good", "", None]
    assert found.holds(pa.array(addresses)).tolist() == [True, True, False, False, False]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("good.example\n127.0.0.1 bad.example\n", "line 2 '127.0.0.1 bad.example' has a space"),
        ("/only/a/path\n", "'/only/a/path' has no host"),
        ("||ads.example^\n", "is a pattern"),
        ("# nothing\n", "no address there"),
        ("", "no address there"),
    ],
)
def test_what_is_no_list_is_refused(tmp_path, content, said):
    (tmp_path / "list").write_text(content)
    with pytest.raises(DataError, match=said):
        url_lists.read([str(tmp_path / "list")])


def test_folders_and_globs_stand_for_their_files(tmp_path):
    (tmp_path / "a.txt").write_text("example.com\n")
    (tmp_path / "b.txt").write_text("*.example.org\n")
    addresses = pa.array(["http://example.com", "http://www.example.org/x", "http://example.net"])
    for path in (tmp_path, tmp_path / "*.txt"):
        assert url_lists.read([str(path)]).holds(addresses).tolist() == [True, True, False]


def test_a_long_list(tmp_path):
    (tmp_path / "list").write_text("".join(f"site{i}.example\n" for i in range(20_000)))
    found = url_lists.read([str(tmp_path / "list")])
    addresses = pa.array([f"http://site{i}.example/" for i in range(0, 40_000, 7)])
    assert found.holds(addresses).sum() == len(range(0, 20_000, 7))

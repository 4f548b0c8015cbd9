import gzip
import io
import json
import random
import tarfile
import zipfile

import pytest
import zstandard

from curate.formats import format_of
from curate.formats.archives import MOST_DEPTH
from curate.formats.documents import Reading, batches
from curate.formats.fields import Column, Fields
from curate.formats.records import Settings

FIELDS = Fields((Column("text", "text", "text"), Column("url", "url", "string"), Column("date", "date", "timestamp")))


def noise(number: int, size: int = 2000) -> bytes:
    return f"text {number} ".encode() + random.Random(number).randbytes(size).hex().encode()


FILES = {
    "docs/a.txt": noise(0),
    "docs/b.jsonl": b"".join(b'{"text": "line %d"}\n' % number for number in range(3)),
    "docs/c#1%.md": noise(2),
    "d.txt.gz": gzip.compress(noise(3)),
}


def tar(files=FILES, form: int = tarfile.PAX_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        for name, data in files.items() if isinstance(files, dict) else files:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def zipped(files=FILES, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in files.items() if isinstance(files, dict) else files:
            archive.writestr(name, data)
    return out.getvalue()


def read(tmp_path, name: str, data: bytes, most: int = 1 << 20):
    path = tmp_path / name
    path.write_bytes(data)
    files = [{"path": str(path), "relative": name, "start": 0, "end": None}]
    found = list(batches(files, Reading(FIELDS, Settings(most_bytes=most))))
    rows = [row for batch in found for row in batch.table.to_pylist()]
    rejects = [row for batch in found for row in batch.rejects.to_pylist()]
    counts = sum((batch.counts for batch in found), start=type(found[0].counts)()) if found else {}
    return {row["id"]: row["text"].encode() for row in rows}, rejects, counts


def wanted(name: str) -> dict[str, bytes]:
    return {
        f"{name}#docs/a.txt": noise(0),
        **{f"{name}#docs/b.jsonl#{place}": b"line %d" % number for number, place in enumerate((0, 19, 38))},
        f"{name}#docs/c%231%25.md": noise(2),
        f"{name}#d.txt.gz": noise(3),
    }


ARCHIVES = {
    "x.tar": tar(),
    "gnu.tar": tar(form=tarfile.GNU_FORMAT),
    "x.tar.gz": gzip.compress(tar()),
    "x.tgz": gzip.compress(tar()),
    "x.tar.zst": zstandard.compress(tar()),
    "x.zip": zipped(),
    "stored.zip": zipped(method=zipfile.ZIP_STORED),
}


@pytest.mark.parametrize("name", list(ARCHIVES))
def test_members_are_read_as_files(tmp_path, name):
    assert read(tmp_path, name, ARCHIVES[name]) == (wanted(name), [], {})


@pytest.mark.parametrize(("name", "pack"), [("x.tar", tar), ("x.zip", zipped)])
def test_what_is_left_out_is_counted(tmp_path, name, pack):
    files = {"a.txt": b"a", "b.PNG": b"b", "c": b"c", "__MACOSX/a.txt": b"d", "x/.hidden.txt": b"e", "d.png": b"f"}
    found, rejects, counts = read(tmp_path, name, pack(files))
    assert (list(found), rejects) == ([f"{name}#a.txt"], [])
    assert counts == {
        "members left out: .png": 2,
        "members left out: other names": 1,
        "members left out: hidden files": 1,
        "members left out: .txt": 1,
    }


@pytest.mark.parametrize(("name", "pack"), [("x.tar", tar), ("x.zip", zipped)])
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_names_that_come_again_and_long_names(tmp_path, name, pack):
    long = "é/" * 150 + "a.txt"
    found, rejects, _ = read(tmp_path, name, pack([("a.txt", b"one"), ("a.txt", b"two"), (long, b"three")]))
    assert list(found.values()) == [b"one", b"two", b"three"] and not rejects
    first, second, third = found
    assert first == f"{name}#a.txt" and second.startswith(f"{name}#a.txt#@") and third == f"{name}#{long}"


@pytest.mark.parametrize(("name", "pack"), [("x.tar", tar), ("x.zip", zipped)])
def test_an_archive_without_a_member(tmp_path, name, pack):
    found, rejects, _ = read(tmp_path, name, pack({}))
    assert not found and [row["reason"] for row in rejects] == ["empty archive"]
    found, rejects, _ = read(tmp_path, name, b"")
    assert not found and [row["reason"] for row in rejects] == ["empty file"]


def test_rejects_within_a_member_name_it(tmp_path):
    data = tar({"a.jsonl": b'{"text": "x"}\n{"no": 1}\n', "b.txt": b"\xff\xfe\xfd"})
    found, rejects, _ = read(tmp_path, "x.tar", data)
    assert list(found) == ["x.tar#a.jsonl#0"]
    assert [(row["file"], row["position"]) for row in rejects] == [("x.tar#a.jsonl", 14), ("x.tar#b.txt", 0)]


def test_archives_within_archives(tmp_path):
    data, name = noise(1), "a.txt"
    for depth in range(MOST_DEPTH - 1):
        data, name = (tar, zipped)[depth % 2]({name: data}), ("t.tar", "z.zip")[depth % 2]
    found, rejects, _ = read(tmp_path, "x.zip", zipped({name: data}))
    assert list(found) == ["x.zip#t.tar#z.zip#t.tar#a.txt"] and not rejects
    found, rejects, _ = read(tmp_path, "y.zip", zipped({"x.zip": zipped({name: data})}))
    assert not found and [row["reason"] for row in rejects] == ["nested too deep"]


def test_web_archives_within(tmp_path):
    page = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nhello"
    record = b"WARC/1.0\r\nWARC-Type: response\r\nContent-Length: %d\r\n\r\n%s\r\n\r\n" % (len(page), page)
    found, rejects, _ = read(tmp_path, "x.tar", tar({"w.warc.gz": gzip.compress(record) * 2}))
    assert list(found.values()) == [b"hello", b"hello"] and not rejects
    assert next(iter(found)) == "x.tar#w.warc.gz#0"


# --- damage ------------------------------------------------------------------------------------------------

TEXTS = {f"{number}.txt": noise(number) for number in range(6)}
EACH = 512 + -(-len(noise(0)) // 512) * 512


def test_a_tar_cut_off_is_read_to_its_end(tmp_path):
    found, rejects, _ = read(tmp_path, "x.tar", tar(TEXTS)[: 5 * EACH + 1000])
    assert list(found) == [f"x.tar#{number}.txt" for number in range(5)]
    assert [(row["position"], row["reason"]) for row in rejects] == [(5 * EACH, "member cut short")]
    packed = gzip.compress(tar(TEXTS))
    found, rejects, _ = read(tmp_path, "x.tar.gz", packed[: len(packed) // 2])
    assert 1 <= len(found) <= 4
    assert [row["reason"] for row in rejects] == ["member cut short", "truncated gzip stream"]
    assert rejects[1]["position"] == len(packed) // 2


@pytest.mark.parametrize("gone", [7, 512, 3000])
def test_a_tar_with_a_hole_goes_on_at_the_next_header(tmp_path, gone):
    data = tar(TEXTS)
    damaged = data[: EACH + 300] + data[EACH + 300 + gone :]
    found, rejects, _ = read(tmp_path, "x.tar", damaged)
    assert set(found) >= {f"x.tar#{number}.txt" for number in (0, 3, 4, 5)}
    assert all(found[f"x.tar#{number}.txt"] == noise(number) for number in (0, 3, 4, 5))
    assert "damaged tar header" in [row["reason"] for row in rejects]


def test_a_tar_packed_in_members_goes_on_behind_damage(tmp_path):
    data = tar(TEXTS)
    parts = [gzip.compress(data[at : at + EACH]) for at in range(0, len(data), EACH)]
    parts[1] = parts[1][:-600]
    found, rejects, _ = read(tmp_path, "x.tar.gz", b"".join(parts))
    assert all(found[f"x.tar.gz#{number}.txt"] == noise(number) for number in (0, 2, 3, 4, 5))
    assert "damaged gzip stream" in [row["reason"] for row in rejects]


def test_a_zip_cut_off_is_read_by_its_heads(tmp_path):
    for method in (zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED):
        data = zipped(TEXTS, method)
        cut = data.index(b"5.txt") + 500
        found, rejects, _ = read(tmp_path, "x.zip", data[:cut])
        assert found == {f"x.zip#{number}.txt": noise(number) for number in range(5)}
        assert [(row["position"], row["reason"]) for row in rejects] == [
            (cut, "damaged zip directory"),
            (data.index(b"5.txt") - 30, "member cut short"),
        ]


@pytest.mark.parametrize("directory", [True, False])
def test_a_damaged_member_of_a_zip_loses_only_itself(tmp_path, directory):
    data = bytearray(zipped(TEXTS))
    place = data.index(b"2.txt")
    data[place + 300 : place + 340] = bytes(40)
    found, rejects, _ = read(tmp_path, "x.zip", bytes(data) if directory else bytes(data[:-100]))
    assert list(found) == [f"x.zip#{number}.txt" for number in (0, 1, 3, 4, 5)]
    assert (rejects[-1]["position"], rejects[-1]["reason"]) == (place - 30, "damaged member")


def test_bombs_are_bounded(tmp_path):
    files = {"a.txt": bytes(3 << 20), "b.jsonl": bytes(260 << 20), "c.txt": b"c"}
    found, rejects, _ = read(tmp_path, "x.zip", zipped(files), most=1 << 20)
    assert list(found) == ["x.zip#c.txt"]
    assert [row["reason"] for row in rejects] == ["document too long", "decompression bomb"]


def test_every_format_may_be_a_member(tmp_path):
    files = {"a.json": json.dumps([{"text": "j"}]).encode(), "b.csv": b"text\nc\n", "c.tsv": b"text\tx\nt\t1\n"}
    found, rejects, _ = read(tmp_path, "x.tar", tar(files))
    assert list(found.values()) == [b"j", b"c", b"t"] and not rejects
    assert format_of("x.tar.bz2").name == format_of("x.tbz2").name == "tar"


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_zip_member_damaged_within_loses_only_itself(tmp_path, method):
    data = bytearray(zipped(FILES, method))
    data[100] ^= 0xFF
    texts, rejects, _ = read(tmp_path, "a.zip", bytes(data))
    assert [(row["position"], row["reason"]) for row in rejects] == [(0, "damaged member")]
    assert texts == {name: text for name, text in wanted("a.zip").items() if name != "a.zip#docs/a.txt"}


def _with_size(size: bytes, kind: bytes) -> bytes:
    header = bytearray(tar({"a.txt": b"text"}, tarfile.USTAR_FORMAT)[:512])
    header[124:136], header[156:157], header[148:156] = size, kind, b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header)


@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME])
def test_a_tar_header_with_a_negative_size_is_damage(tmp_path, kind):
    header = _with_size((-1024).to_bytes(12, "big", signed=True), kind)
    texts, rejects, _ = read(tmp_path, "a.tar", header + tar({"b.txt": b"more"}))
    assert [(row["position"], row["reason"]) for row in rejects] == [(0, "damaged tar header")]
    assert texts == {"a.tar#b.txt": b"more"}


@pytest.mark.parametrize("size", ["²", "9" * 5000])
def test_a_size_that_is_none_in_an_extended_header_is_passed_over(tmp_path, size):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        info = tarfile.TarInfo("b.txt")
        info.size, info.pax_headers = 4, {"size": size}
        archive.addfile(info, io.BytesIO(b"more"))
    texts, rejects, _ = read(tmp_path, "a.tar", out.getvalue())
    assert texts == {"a.tar#b.txt": b"more"} and not rejects

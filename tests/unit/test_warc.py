import gzip
import random
from collections import Counter

import pytest
import zstandard

from curate.formats import streams, warc_records
from curate.formats.pages import Page
from curate.formats.records import Reject, Settings, Source
from curate.formats.warc import pages


def body(number: int, head: bytes = b"Content-Type: text/html") -> bytes:
    noise = random.Random(number).randbytes(2000).hex().encode()
    return b"HTTP/1.1 200 OK\r\n" + head + b"\r\n\r\n<p>page %d %s" % (number, noise)


def record(
    number: int, content: bytes | None = None, kind: bytes = b"response", off: int = 0, more: bytes = b""
) -> bytes:
    content = body(number) if content is None else content
    return (
        b"WARC/1.0\r\nWARC-Type: %s\r\nWARC-Record-ID: <urn:uuid:%d>\r\nWARC-Target-URI: http://e/%d\r\n"
        b"WARC-Date: 2020-01-02T03:04:05Z\r\n%sContent-Length: %d\r\n\r\n%s\r\n\r\n"
        % (kind, number, number, more or b"Content-Type: application/http\r\n", len(content) + off, content)
    )


RECORDS = [record(number) for number in range(4)]
PLAIN = b"".join(RECORDS)
MEMBERS = [gzip.compress(item, mtime=0) for item in RECORDS]
PLACES = [sum(map(len, MEMBERS[:number])) for number in range(4)]


def read(tmp_path, data: bytes, most: int = 1 << 20, start: int = 0, end: int | None = None):
    path = tmp_path / "file.warc"
    path.write_bytes(data)
    removed, skipped = Counter(), Counter()
    found = list(pages(Source(str(path), start, end), Settings(most_bytes=most), removed, skipped))
    return found, removed, skipped


def numbers(found) -> list[int]:
    return [int(item.url.rsplit("/")[-1]) for item in found if isinstance(item, Page)]


def rejects(found) -> list[tuple[int, str]]:
    return [(item.position, item.reason) for item in found if isinstance(item, Reject)]


def dictionary_archive(compress: bool) -> bytes:
    learnt = zstandard.train_dictionary(2048, [record(number) for number in range(60)])
    held = zstandard.ZstdCompressor().compress(learnt.as_bytes()) if compress else learnt.as_bytes()
    pack = zstandard.ZstdCompressor(dict_data=learnt)
    return b"\x5d\x2a\x4d\x18" + len(held).to_bytes(4, "little") + held + b"".join(map(pack.compress, RECORDS))


@pytest.mark.parametrize(
    "data",
    [
        PLAIN,
        b"".join(MEMBERS),
        gzip.compress(PLAIN),
        b"".join(gzip.compress(PLAIN[at : at + 700]) for at in range(0, len(PLAIN), 700)),
        b"".join(map(zstandard.ZstdCompressor().compress, RECORDS)),
        dictionary_archive(False),
        dictionary_archive(True),
    ],
    ids=["plain", "members", "one member", "blocks", "zstd", "dictionary", "packed dictionary"],
)
def test_every_packing_gives_the_same_pages(tmp_path, data):
    found, removed, skipped = read(tmp_path, data)
    assert [item.content for item in found] == [body(number).partition(b"\r\n\r\n")[2] for number in range(4)]
    assert not removed and not skipped
    positions = [item.position for item in found]
    assert positions == sorted(set(positions))


def test_positions_are_bytes_of_the_file(tmp_path):
    assert [item.position for item in read(tmp_path, b"".join(MEMBERS))[0]] == PLACES
    size = len(RECORDS[0])
    assert [item.position for item in read(tmp_path, PLAIN)[0]] == [0, size, 2 * size, 3 * size]


def test_what_a_page_carries(tmp_path):
    data = record(7, body(7, b'Content-Type: Text/HTML; charset="Shift_JIS"').replace(b"200 OK", b"404 Gone"))
    (page,), _, _ = read(tmp_path, data)
    assert (page.url, page.date, page.status) == ("http://e/7", "2020-01-02T03:04:05Z", 404)
    assert (page.content_type, page.charset, page.more) == ("text/html", "Shift_JIS", {"record_id": "<urn:uuid:7>"})


def test_other_kinds_are_counted(tmp_path):
    data = record(0, kind=b"request") + record(1) + record(2, kind=b"warcinfo") + record(3, kind=b"request")
    found, _, skipped = read(tmp_path, data)
    assert numbers(found) == [1]
    assert skipped == {"WARC request records": 2, "WARC warcinfo records": 1}


def test_resources_and_plain_text_of_a_wet_file(tmp_path):
    text = record(0, "été".encode(), b"conversion", more=b"Content-Type: text/plain\r\n")
    html = record(1, b"<html><p>x", b"resource", more=b"Content-Type: text/html\r\n")
    found, _, _ = read(tmp_path, text + html)
    assert [(item.content_type, item.content, item.status) for item in found] == [
        ("text/plain", "été".encode(), None),
        ("text/html", b"<html><p>x", None),
    ]


def test_what_is_no_text_is_removed_by_type(tmp_path):
    kinds = [b"image/png", b"application/pdf", b"text/html"]
    bodies = [body(i, b"Content-Type: " + kind) for i, kind in enumerate(kinds)]
    bodies[2] = bodies[2].replace(b"<p>page", b"%PDF-1.4")
    found, removed, _ = read(tmp_path, b"".join(record(i, item) for i, item in enumerate(bodies)))
    assert not found
    assert removed == {"no page: image": 1, "no page: application/pdf": 2}


def test_lines_that_end_in_a_newline_alone(tmp_path):
    content = body(5).replace(b"\r\n", b"\n")
    data = record(5, b"").replace(b"Content-Length: 0", b"Content-Length: %d" % len(content)).replace(b"\r\n", b"\n")
    (page,), _, _ = read(tmp_path, data.rstrip() + b"\n\n" + content + b"\n\n")
    assert (page.content[:7], page.status) == (b"<p>page", 200)


# --- damage ------------------------------------------------------------------------------------------------


def test_a_file_cut_off_is_read_to_its_end(tmp_path):
    data = b"".join(MEMBERS)[:-500]
    found, _, _ = read(tmp_path, data)
    assert numbers(found) == [0, 1, 2]
    assert rejects(found) == [(PLACES[3], "record cut short"), (len(data), "truncated gzip stream")]
    found, _, _ = read(tmp_path, PLAIN[:-500])
    assert (numbers(found), rejects(found)) == ([0, 1, 2], [(3 * len(RECORDS[0]), "record cut short")])
    found, _, _ = read(tmp_path, PLAIN[: 3 * len(RECORDS[0]) + 20])
    assert (numbers(found), rejects(found)) == ([0, 1, 2], [(3 * len(RECORDS[0]), "record cut short")])


def test_a_damaged_member_loses_only_itself(tmp_path):
    data = bytearray(b"".join(MEMBERS))
    data[PLACES[1] + 300 : PLACES[1] + 340] = bytes(40)
    found, _, _ = read(tmp_path, bytes(data))
    assert numbers(found) == [0, 2, 3]
    assert [item.position for item in found if isinstance(item, Page)] == [PLACES[0], PLACES[2], PLACES[3]]
    places = {reason: place for place, reason in rejects(found)}
    assert PLACES[1] < places["damaged gzip stream"] <= PLACES[2]


def test_a_member_that_lost_bytes_loses_only_itself(tmp_path):
    for gone in (1, 20, 700, 1500):
        found, _, _ = read(tmp_path, MEMBERS[0] + MEMBERS[1][:-gone] + MEMBERS[2] + MEMBERS[3])
        assert numbers(found) == [0, 2, 3]


def test_a_wrong_checksum_is_believed(tmp_path):
    data = bytearray(b"".join(MEMBERS))
    data[PLACES[2] - 6] ^= 1
    found, _, _ = read(tmp_path, bytes(data))
    assert numbers(found) == [0, 2, 3]
    assert rejects(found) == [(PLACES[1], "damaged record"), (PLACES[2], "damaged gzip stream")]


def test_bytes_between_members_lose_nothing(tmp_path):
    found, _, _ = read(tmp_path, MEMBERS[0] + b"something else" + MEMBERS[1])
    assert numbers(found) == [0, 1]
    assert rejects(found) == [(PLACES[1], "damaged gzip stream")]
    found, _, _ = read(tmp_path, RECORDS[0] + b"something else\n" + RECORDS[1])
    assert numbers(found) == [0, 1] or rejects(found) == [(0, "wrong Content-Length")]


@pytest.mark.parametrize("off", [-3000, -700, 700, 2700, 5000, 10**6, 10**12])
@pytest.mark.parametrize("packing", ["plain", "members", "one member"])
def test_a_wrong_length_loses_only_its_record(tmp_path, off, packing):
    records = [RECORDS[0], record(1, off=off), *RECORDS[2:]]
    pack = gzip.compress if packing == "members" else bytes
    data = b"".join(map(pack, records))
    found, _, _ = read(tmp_path, gzip.compress(data) if packing == "one member" else data)
    place = {"plain": len(records[0]), "members": len(gzip.compress(records[0])), "one member": 1}[packing]
    assert numbers(found) == [0, 2, 3]
    assert rejects(found) == [(place, "wrong Content-Length")]


@pytest.mark.parametrize("packing", ["plain", "members", "one member", "blocks"])
def test_wrong_lengths_beyond_the_longest_lose_only_their_records(tmp_path, packing):
    """Of the first two the length leads behind the end of the file, of the third into another record."""
    noise = random.Random(0).randbytes(1 << 19).hex().encode()
    long = [record(number, body(number) + noise) for number in range(10, 14)]
    lying = [record(1, off=10**12), record(2, off=10**9), record(3, off=5 << 20)]
    records = [
        RECORDS[0],
        lying[0],
        *long[:2],
        lying[1],
        RECORDS[3],
        lying[2],
        *long[2:],
        RECORDS[1],
        *long,
        RECORDS[2],
    ]
    data = b"".join(map(gzip.compress, records) if packing == "members" else records)
    if packing == "one member":
        data = gzip.compress(data)
    if packing == "blocks":
        data = b"".join(gzip.compress(data[at : at + 70_000]) for at in range(0, len(data), 70_000))
    found, _, _ = read(tmp_path, data, most=1 << 20)
    assert numbers(found) == [0, 3, 1, 2]
    reasons = [reason for _, reason in rejects(found)]
    assert (reasons.count("wrong Content-Length"), reasons.count("document too long"), len(reasons)) == (3, 8, 11)
    positions = [item.position for item in found]
    assert positions == sorted(set(positions))


def test_a_wrong_length_is_not_read_beyond_the_next_record(tmp_path, monkeypatch):
    read_so_far = [0]

    def counted(source):
        for event in streams.members(source):
            read_so_far[0] += len(event) if isinstance(event, bytes) else 0
            yield event

    monkeypatch.setattr(warc_records, "members", counted)
    path = tmp_path / "file.warc"
    path.write_bytes(b"".join(gzip.compress(record(number, off=10**5)) for number in range(100)))
    found = warc_records.records(Source(str(path)), 1 << 20)
    assert [next(found).reason for _ in range(3)] == ["wrong Content-Length"] * 3
    assert read_so_far[0] < 5 * len(RECORDS[0])


def test_no_length_at_all(tmp_path):
    broken = RECORDS[1].replace(b"Content-Length: ", b"Content-Length: x")
    found, _, _ = read(tmp_path, RECORDS[0] + broken + RECORDS[2])
    assert (numbers(found), rejects(found)) == ([0, 2], [(len(RECORDS[0]), "damaged WARC head")])


def test_files_that_are_none(tmp_path):
    for data in (b"", gzip.compress(b"")):
        assert rejects(read(tmp_path, data)[0]) == [(0, "empty file")]
    assert rejects(read(tmp_path, b"hello world\n" * 50)[0]) == [(0, "not a WARC record")]
    assert rejects(read(tmp_path, gzip.compress(MEMBERS[0]))[0]) == [(0, "gzip inside gzip or zstd")]
    removed, skipped = Counter(), Counter()
    (reject,) = pages(Source(str(tmp_path / "none.warc")), Settings(), removed, skipped)
    assert reject.reason == "unreadable file"


def test_what_is_too_long_is_not_held(tmp_path):
    bomb = record(1, b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + gzip.compress(bytes(1 << 22)))
    plain = record(2, body(2) + bytes(1 << 20))
    for data in (RECORDS[0] + bomb + plain + RECORDS[3], gzip.compress(RECORDS[0] + bomb + plain + RECORDS[3])):
        found, _, _ = read(tmp_path, data, most=1 << 20)
        assert numbers(found) == [0, 3]
        assert [reason for _, reason in rejects(found)] == ["document too long", "document too long"]


@pytest.mark.parametrize("cut", [1, 100, 4000, 5000, 9000, 12_000])
def test_cuts_give_the_same_records(tmp_path, cut):
    inner = record(9, RECORDS[0] + RECORDS[1], b"resource", more=b"Content-Type: text/plain\r\n")
    data = RECORDS[0] + inner + record(2, off=100) + RECORDS[3]
    whole = read(tmp_path, data)[0]
    assert len(whole) == 4
    assert read(tmp_path, data, end=cut)[0] + read(tmp_path, data, start=cut)[0] == whole
    packed = gzip.compress(data)
    assert read(tmp_path, packed, start=1)[0] == []


def test_heads_with_folded_and_repeated_lines(tmp_path):
    more = b"Content-Type: application/http\r\nX-Note: one\r\n two\r\nno colon here\r\nWARC-Truncated:  length \r\n"
    (page,), _, _ = read(tmp_path, record(3, more=more))
    assert (page.url, page.more["truncated"], page.status) == ("http://e/3", "length", 200)


def test_ingest_accounts_for_every_record(tmp_path):
    from curate.stages import ingest

    path = tmp_path / "x.warc.gz"
    image = record(5, body(5, b"Content-Type: image/png"))
    path.write_bytes(b"".join(MEMBERS) + gzip.compress(record(4, kind=b"request") + image) + MEMBERS[0][:-300])
    part = {"path": str(path), "relative": "x.warc.gz", "start": 0, "end": None}
    config = ingest.IngestConfig(sources=[str(path)], extract="none", column=["status=status:int64"])
    found = list(ingest.apply({"index": 0, "files": [part]}, [], None, None, config))
    table = found[0].table
    assert table["id"].to_pylist() == [f"x.warc.gz#{place}" for place in PLACES]
    assert table["url"].to_pylist() == [f"http://e/{number}" for number in range(4)]
    assert table["status"].to_pylist() == [200] * 4
    assert sum(item.read for item in found) == 4 + 1 + 2
    assert sum(item.removed.get("no page: image", 0) for item in found) == 1
    assert sum(item.counts.get("WARC request records", 0) for item in found) == 1
    assert [row["reason"] for item in found for row in item.rejects.to_pylist()] == [
        "record cut short",
        "truncated gzip stream",
    ]

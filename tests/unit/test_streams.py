import bz2
import gzip
import lzma
import random
import zlib

import pytest
import zstandard

from curate.formats import streams
from curate.formats.records import Source
from curate.formats.streams import Damage, opened

TEXT = b"".join(b'{"text": "line %d %x"}\n' % (i, i * 7919**3) for i in range(3000))


def zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(write_checksum=True).compress(data)


PACKERS = {"gzip": gzip.compress, "zstd": zstd, "bzip2": bz2.compress, "xz": lzma.compress}
PACKED = pytest.mark.parametrize("name", list(PACKERS))


def read(tmp_path, data: bytes, start: int = 0, end: int | None = None) -> tuple[bytes, list[Damage]]:
    path = tmp_path / "file"
    path.write_bytes(data)
    blocks = list(opened(Source(str(path), start, end)).blocks)
    return b"".join(b for b in blocks if isinstance(b, bytes)), [b for b in blocks if isinstance(b, Damage)]


@PACKED
def test_members_one_after_another(tmp_path, name):
    pack = PACKERS[name]
    data = pack(TEXT[:100]) + pack(b"") + pack(TEXT[100:])
    assert read(tmp_path, data) == (TEXT, [])
    assert read(tmp_path, pack(b"")) == (b"", [])


@PACKED
def test_padding_and_what_zstd_may_skip(tmp_path, name):
    between = {
        "gzip": bytes(9),
        "xz": bytes(8),
        "zstd": b"\x53\x2a\x4d\x18" + (70000).to_bytes(4, "little") + bytes(70000),
    }
    pack, gap = PACKERS[name], between.get(name, b"")
    assert read(tmp_path, pack(b"one") + gap + pack(b"two") + gap) == (b"onetwo", [])


def test_zstd_headers_of_every_kind(tmp_path):
    stream = zstandard.ZstdCompressor(write_content_size=False).compressobj()
    unsized = stream.compress(TEXT) + stream.flush()
    known = zstandard.ZstdCompressor(write_content_size=True).compress(TEXT * 40)
    runs = zstandard.ZstdCompressor().compress(bytes(1 << 20))
    noise = zstandard.ZstdCompressor().compress(random.Random(1).randbytes(300_000))
    assert read(tmp_path, unsized + known + runs)[0] == TEXT * 41 + bytes(1 << 20)
    assert read(tmp_path, noise) == (random.Random(1).randbytes(300_000), [])


@PACKED
def test_truncated_anywhere(tmp_path, name):
    data = PACKERS[name](TEXT)
    for size in (len(data) - 1, len(data) - 5, len(data) // 2, 30, 15):
        found, (damage,) = read(tmp_path, data[:size])
        assert TEXT.startswith(found)
        assert (damage.position, damage.reason) == (size, f"truncated {name} stream")
    if name != "bzip2":  # whose only block was not complete
        assert len(read(tmp_path, data[: len(data) * 2 // 3])[0]) > len(TEXT) // 3 or name == "zstd"


def test_all_blocks_before_a_bad_one_are_delivered(tmp_path):
    text = random.Random(2).randbytes(400_000).hex().encode()
    found, damages = read(tmp_path, zstd(text)[:-50_000])
    assert len(found) >= len(text) - 131_072 * 2
    assert text.startswith(found)
    assert len(damages) == 1


def test_gzip_is_read_to_the_very_byte_that_is_damaged(tmp_path):
    packer = zlib.compressobj(wbits=31)
    good = packer.compress(TEXT) + packer.flush(zlib.Z_FULL_FLUSH)
    no_such_block = b"\x07"
    found, (damage,) = read(tmp_path, good + no_such_block + bytes(100_000))
    assert found == TEXT
    assert (damage.position, damage.reason) == (len(good) + 1, "damaged gzip stream")


@PACKED
def test_reading_goes_on_with_the_next_member(tmp_path, name):
    pack = PACKERS[name]
    noise = random.Random(3).randbytes(200_000).hex().encode()
    first, last = pack(noise), pack(TEXT)
    broken = bytearray(first)
    broken[len(first) // 2 : len(first) // 2 + 64] = random.Random(4).randbytes(64)
    found, damages = read(tmp_path, bytes(broken) + last)
    assert found.endswith(TEXT)
    assert [damage.reason for damage in damages] == [f"damaged {name} stream"]
    found, damages = read(tmp_path, pack(b"one") + b"what is this" + pack(b"two"))
    assert found == b"onetwo"
    assert damages == [Damage(len(pack(b"one")), f"damaged {name} stream", damages[0].detail, len(pack(b"one")))]
    assert "something else follows" in damages[0].detail


def test_plain_files_from_any_byte_on(tmp_path):
    for start in (0, 1, 20, len(TEXT) // 2, len(TEXT) - 3, len(TEXT)):
        found = read(tmp_path, TEXT, start)[0]
        expected = TEXT[start:] if TEXT[:start].endswith(b"\n") or not start else TEXT[start:].partition(b"\n")[2]
        assert found == expected


def test_a_packed_file_is_read_whole_from_its_first_byte(tmp_path):
    data = gzip.compress(TEXT)
    assert read(tmp_path, data, 0, 100) == (TEXT, [])
    assert read(tmp_path, data, 100) == (b"", [])


def test_a_file_that_is_not_there(tmp_path):
    assert list(opened(Source(str(tmp_path / "no"))).blocks) == [
        Damage(0, "unreadable file", "No such file or directory")
    ]


def test_pieces_stay_small_however_well_a_file_is_packed(tmp_path):
    size = 30 << 20
    for name, pack in PACKERS.items():
        path = tmp_path / name
        path.write_bytes(pack(bytes(size)))
        lengths = [len(block) for block in opened(Source(str(path))).blocks if isinstance(block, bytes)]
        assert sum(lengths) == size
        assert max(lengths) <= streams._PIECE_BYTES


@pytest.mark.parametrize("sizes", [(0, 5, 0), (1, 1 << 20, 3), (100, (1 << 20) + 1, 100), (300_000, 300_000, 300_000)])
def test_gzip_members_of_any_size(tmp_path, sizes):
    contents = [random.Random(size).randbytes(size) for size in sizes]
    for times in ([0, 0, 0], [1, 2, 1]):
        packed = [gzip.compress(content, mtime=time) for content, time in zip(contents, times)]
        path = tmp_path / "file.gz"
        path.write_bytes(b"".join(packed))
        found = list(streams.members(Source(str(path))))
        begins = [item.position for item in found if isinstance(item, streams.Begin)]
        assert begins == [0, len(packed[0]), len(packed[0]) + len(packed[1])]
        assert b"".join(item for item in found if isinstance(item, bytes)) == b"".join(contents)


def test_a_size_that_lies_and_what_looks_like_a_member_change_nothing(tmp_path):
    first, second = (gzip.compress(bytes(3000) + bytes([number]), mtime=0) for number in (1, 2))
    lying = first[:-4] + (70_000).to_bytes(4, "little")
    stored = gzip.compress(second + second, 0, mtime=0)
    path = tmp_path / "file.gz"
    path.write_bytes(lying + stored + second)
    found = list(streams.members(Source(str(path))))
    damage = [(item.position, item.member) for item in found if isinstance(item, streams.Damage)]
    assert damage == [(len(lying), 0)]
    begins = [item.position for item in found if isinstance(item, streams.Begin)]
    assert begins == [0, len(lying), len(lying) + len(stored)]

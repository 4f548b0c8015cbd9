"""The kernels against plain Python, and what each kind is by examples."""

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.algorithms import pii
from curate.kernels import arrow
from tests.naive import pii as naive

PIECES = st.sampled_from(
    [
        *"0123456789",
        *"+-./()@:_$%x<K\n\u00a0\u2011é字и ",
        *(" " * 6),
        *(
            "tel",
            "Phone: ",
            "version ",
            "ip ",
            "Telefon",
            "ver",
            "v",
            "the",
            "电话",
            "тел. ",
            "2019",
            "0049",
            "(0)",
            "::",
        ),
        *(
            "2001:db8::1",
            "2606:4700::1111",
            "2a00:1450",
            "8.8.8.8",
            "10.0.0.1",
            "1.2.3.4",
            "192.0.2.1",
            "81.2.69.142",
            ".",
        ),
        *(
            "DE89370400440532013000",
            "GB82 WEST 1234 5698 7654 32",
            "DE89 3704",
            "4111111111111111",
            "3782 822463 10005",
        ),
        *(
            "4111-1111-1111-1111",
            "030 12345678",
            "415-555-2671",
            "(415) 555-2671",
            "+1",
            "+49 ",
            "020 7946 0958",
            "138-0013-8000",
        ),
        *("8 (495) 123-45-67", "john", "john.smith@example.com", "mail.co.uk", "example.рф", ".com", "münchen.de", "-"),
        *(
            "AKIAIOSFODNN7EXAMPLE",
            "AKIA",
            "ghp_" + "a1B2" * 9,
            "sk_live_" + "x9" * 12,
            "SG.",
            "a1_" * 22,
            "eyJhbGciOi1.eyJzdWIiOi1.abc_def-123",
        ),
        *(
            "-----BEGIN RSA PRIVATE KEY-----",
            "-----END RSA PRIVATE KEY-----",
            "MIIEowIBAAKCAQEA" * 3,
            "123456789:A" + "a_" * 17,
        ),
    ]
)


def marked(texts):
    """What the kernel finds, as the twin gives it: bytes from and to, and kind, text by text."""
    values = arrow.strings(pa.array(["é1", *texts], pa.large_string()).slice(1))
    values.data.flags.writeable = False
    found = [[] for _ in texts]
    starts = values.offsets - values.offsets[0]
    for row, start, end, kind in pii.find(values).tolist():
        found[row].append((start - int(starts[row]), end - int(starts[row]), pii.KINDS[kind]))
    return found


@settings(deadline=None, max_examples=60)
@given(st.lists(st.lists(PIECES, max_size=25).map("".join), max_size=4))
def test_it_finds_what_the_twin_finds(texts):
    assert marked(texts) == [naive.found(text) for text in texts]


TRUE = {
    "email": """
        john@example.com | a@b.co | john.smith@mail.example.co.uk | o'brien@firm.ie | x+tag@gmail.com
        UPPER@EXAMPLE.COM | first_last@sub-domain.org | 123@qq.com | jörg@müller.de | иван@пример.рф
        user@münchen.de | info@xn--bcher-kva.ch | a.b.c.d@e.f.g.com | me@museum.museum | jane%tag@list.org
        <x@y.org> | mailto:x@y.org | "x@y.org" | (x@y.io) | 联系abc@example.com谢谢 | 메일abc@example.com으로
        john@example.com. | john@example.com, | a-b@c-d.net | _x@y.com | 用户 root@例子.中国 | x@y.com:8080
        user@a.com/path | ~x@y.de | john@example.com.Then
    """,
    "ip": """
        8.8.8.8 | 81.2.69.142 | http://81.2.69.142/x | 81.2.69.142:8080 | 81.2.69.142/24 | (81.2.69.142) | 1.1.1.1
        81.2.69.142. | ip=81.2.69.142 | from 198.17.3.4, | 172.15.9.8 | 172.32.9.8 | 192.169.1.1 | 223.255.255.254
        100.63.1.9 | 2606:4700:4700::1111 | [2606:4700:4700::1111]:443 | 2a00:1450:4001:81b:0:0:0:200e
        2001:4860:4860::8888 | 2620:fe::fe | 3001:db8::1 | 2001:DB9::A1:0 | nameserver 8.8.4.4 | IP 1.2.3.4
        ssh root@4.3.2.1 | 5.6.7.8:22 | 81.2.69.142-81.2.69.150 | 2a00:1450:4001::/48
    """,
    "phone": """
        +1 415 555 2671 | +14155552671 | (415) 555-2671 | 555-123-4567 | 415-555-2671 | 415.555.2671 | 1-800-555-1234
        +44 20 7946 0958 | +44 (0)20 7946 0958 | 020 7946 0958 | 07700 900123 | +49 30 12345678 | 030 12345678
        030/1234567 | 0171-1234567 | +33 1 23 45 67 89 | 01 23 45 67 89 | 01.23.45.67.89 | +81-3-1234-5678
        03-1234-5678 | 090-1234-5678 | +86 138 0013 8000 | 138-0013-8000 | 010-62345678 | +91 98765 43210
        +55 11 91234-5678 | (11) 91234-5678 | 8 (495) 123-45-67 | +7 495 123-45-67 | 8-800-555-35-35
        0049 30 12345678 | +61 2 1234 5678 | 0412 345 678 | Tel: 5551234 | phone 912 345 678 | 电话：13800138000
        тел. 495 1234567 | +353 1 234 5678 | +41 44 668 18 00 | call 9876543210 | 415-555-2671x123
        tel:+1-415-555-2671 | (+49) 30 12345678 | 1 (415) 555-2671 | +39 06 1234 5678 | 020-1234567
    """,
    "iban": """
        DE89370400440532013000 | DE89 3704 0044 0532 0130 00 | GB82WEST12345698765432 | GB82 WEST 1234 5698 7654 32
        FR1420041010050500013M02606 | FR14 2004 1010 0505 0001 3M02 606 | NL91ABNA0417164300
        ES9121000418450200051332 | IT60X0542811101000000123456 | CH9300762011623852957 | AT611904300234573201
        BE68539007547034 | SE4550000000058398257466 | NO9386011117947 | DK5000400440116243 | FI2112345600000785
        PL61109010140000071219812874 | PT50000201231234567890154 | IE29AIBK93115212345678 | LU280019400644750000
        GR1601101250000000012300695 | TR330006100519786457841326 | SA0380000000608010167519
        MT84MALT011000012345MTLCAST001S | BR1800360305000010009795493C1 | IBAN:DE89370400440532013000.
    """,
    "card": """
        4111111111111111 | 4111 1111 1111 1111 | 4111-1111-1111-1111 | 5500000000000004 | 5500 0000 0000 0004
        5105105105105100 | 2223003122003222 | 2720 9999 9999 9996 | 340000000000009 | 3400 000000 00009
        378282246310005 | 3782-822463-10005 | 30569309025904 | 3056 930902 5904 | 38520000023237 | 6011111111111117
        6011 1111 1111 1117 | 6011000990139424 | 3530111333300000 | 3566 0020 2036 0505 | 6200000000000005
        4012888888881881 | card:4012888888881881, | 4242424242424242. | no. 4000 0566 5566 5556 | (5555555555554444)
    """,
    "key": " | ".join(
        [
            *("AKIAIOSFODNN7EXAMPLE", "ASIAY34FZKBOKMUTVV7A", "=AKIAIOSFODNN7EXAMPLE", '"AKIAJQKPBXZZZZZZZZZZ"'),
            *(f"gh{kind}_" + "a1B2" * 9 for kind in "pousr"),
            "github_pat_" + "1a" * 11 + "_" + "b2" * 29 + "c",
            *("glpat-" + "x1Y-" * 5, "xoxb-123456789012-1234567890123-abcDEF", "xoxp-1234567890-1234567890-abcdef1234"),
            *("AIza" + "Sy1-_" * 7, "sk_live_" + "4eC39HqL" * 3, "rk_test_" + "4eC39HqL" * 3, "whsec_" + "a1" * 16),
            *("sk-" + "a1B2c3D4" * 6, "sk-proj-" + "a1_B2-" * 10, "sk-ant-api03-" + "a1_B2-" * 10),
            *(
                "hf_" + "abcdefghij" * 3 + "ABCD",
                "npm_" + "a1B2" * 9,
                "pypi-AgEIcHlwaS5vcmc" + "C1" * 30,
                "shpat_" + "0a" * 16,
            ),
            *(
                "dop_v1_" + "0f" * 32,
                "SG." + "a1B2C3D4E5F6G7H8I9J0kk." + "x9" * 21 + "z",
                "SK" + "0123456789abcdef" * 2,
            ),
            *("ya29." + "a0AfH6SM" * 6, "GOCSPX-" + "a1b2" * 7, "123456789:AAE" + "a1_B-c2d" * 4),
            "Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
        ]
    ),
}
FALSE = {
    "email": """
        john@ | @john | john @ example.com | john@example | john@localhost | x@data.frame | icon@2x.png | a@b.c
        user@.com | user@-x.com | john..@example.com | obj@prop.method | @types/node@12.0.0 | john.@example.com
        foo@bar..com | $x@y.com | me@exa_mple | john@example.notatld | a@b@c | 5@10.20 | x @y.com
        name at example.com | php@7.4.33 | a@b.c1 | @media.com | user@10.0.0.1 | foo@bar-.com | left@right.middle@x
        é@ | style@import.css | kwargs@x.py3
    """,
    "ip": """
        10.0.0.1 | 192.168.1.1 | 172.16.0.1 | 172.31.255.255 | 127.0.0.1 | 169.254.1.1 | 0.0.0.0 | 255.255.255.0
        224.0.0.1 | 192.0.2.7 | 198.51.100.7 | 203.0.113.9 | 100.64.0.1 | 198.18.0.1 | 240.0.0.1 | 256.8.8.8
        81.2.69 | 81.2.69.142.5 | v81.2.69.142 | version 81.2.69.142 | Version: 81.2.69.142 | Chrome/81.2.69.142
        lib-81.2.69.142 | 081.2.69.142 | 1.2.3.4 | section 81.2.69.142 | 2.15.0.10 | 81.2.69.142.tar
        81.2.69.142-beta | 9.0.0.0 | FileVersion: 7.5.0.101 | x81.2.69.142 | ::1 | fe80::1 | fc00::1 | 2001:db8::1
        12:30:45 | 2002:c000:204::1 | 2001:0:1::1 | 3fff:1::2 | 2606:4700::1::2 | 2a00:1450 | 3.4.5.6.7
        2a00:1450:4001:81b:0:0:0 | 26067:1:2::3 | ff02::1 | 2020::1 | § 81.2.69.142 | std::2abc::1
    """,
    "phone": """
        2019-05-06 | 06.05.2019 | 05-06-2019 10 | 1999-2003 | 978-3-16-148410-0 | 0-306-40615-2 | 9783161484100
        12345678 | 1,234,567 | 3.14159265 | 10:30:45 | 192.168.100.200 | 123-45-6789 | 1234-5678 | 2019/05/06 07
        415 555 2671 | 4155552671 | ISBN 0 19 852663 6 | +5 | +1 234 | UTC+05301234 | 5+12345678 | 115-555-2671
        415-055-2671 | x415-555-2671 | 415-555-26711 | 100 000 000 | 1 000 000 | 10.1000/182
        16:13:05.6394416-07:00 | 20190506123456 | $415-555-2671 | 0.1234567890 | call 1000/200 | phone 2019-05-06
        1-2-3-4-5 | 12-34-56 | 08:30-17:00 | call 2010-2011 | 0000-0000-0000 | +999 12345678 | 4-415-555-2671
        555-1234 | +0 123 456 789 | 123 456 789 012 | Fig. 12-345 | Телеграмма 1 000 000
    """,
    "iban": """
        DE88370400440532013000 | GB82WEST12345698765433 | DE8937040044053201300 | DE893704004405320130000
        XX89370400440532013000 | DE89  3704 0044 0532 0130 00 | de89370400440532013000 | xDE89370400440532013000
        DE89-3704-0044-0532-0130-00 | DE89 | D E89370400440532013000 | AB12345678901234567890
        US64SVBKUS6S3300958879 | FR1420041010050500013M02607 | NL91ABNA0417164301 | DE89370400440532013O00
        NO9386011117948 | _DE89370400440532013000 | DE8937040044053201300a | DE00000000000000000000 | IBAN
        BE68539007547035 | AT611904300234573202 | ISO9001:2015 | DE89370400440532013000_x
    """,
    "card": """
        4111111111111112 | 4111 1111 1111 1112 | 1234567890123456 | 0000000000000000 | 9111111111111111
        411111111111111 | 4111 1111 11111111 | 41 11 11 11 11 11 11 11 | 4111  1111  1111  1111 | x4111111111111111
        4111111111111111x | 0.4111111111111111 | 4111111111111111.5 | 12-4111111111111111 | 1111 4111 1111 1111 1111
        4111 1111 1111 1111 2019 | 4222222222222 | 352801234567890 | 9783161484100 | 4111.1111.1111.1111
        4111/1111/1111/1111 | 411111 1111111111 | 5600000000000003 | 4111-1111 1111-1111 | 20190506123456
        4111 1111 1111 | 37828224631000 | 7111111111111111
    """,
    "key": " | ".join(
        [
            *("AKIA", "AKIAIOSFODNN7EXAMPL", "AKIAIOSFODNN7EXAMPLEX", "akiaiosfodnn7example", "XAKIAIOSFODNN7EXAMPLE"),
            *(
                "ghp_short1",
                "ghp_" + "abcd" * 9,
                "ghx_" + "a1B2" * 9,
                "github_pat_short1",
                "glpat-x1",
                "xoxb-12",
                "AIzaShort1",
            ),
            *(
                "AIza" + "Sy1-_" * 7 + "x",
                "sk_live_short1",
                "sk-fading-circle-2-of-many-classes",
                "sk-" + "abcd" * 12,
                "sk-learn",
            ),
            *(
                "hf_hub_download_of_a_file_1",
                "npm_config_registry_is_a_name_1",
                "pypi-server",
                "SG.1.2",
                "SK0123456789",
            ),
            *(
                "eyJhbGciOiJIUzI1NiJ9",
                "eyJhbGciOi.eyJzdWIi",
                "0123456789abcdef" * 2,
                "550e8400-e29b-41d4-a716-446655440000",
            ),
            *(
                "https://example.org/" + "a1" * 30,
                "a_variable_name_with_1_digit_in_it",
                "123456789:12345",
                "da39a3ee5e6b4b0d" * 2,
            ),
        ]
    ),
}


def cases(table):
    return [
        (kind, text.strip()) for kind, texts in table.items() for line in texts.split("\n") for text in line.split("|")
    ]


@pytest.mark.parametrize(("kind", "text"), [case for case in cases(TRUE) if case[1]])
def test_it_is_found(kind, text):
    for context in ("{}", "Before {} after", "\n{}\n"):
        assert [found[2] for found in marked([context.format(text)])[0]][:1] == [kind], context


@pytest.mark.parametrize(("kind", "text"), [case for case in cases(FALSE) if case[1]])
def test_it_is_not_found(kind, text):
    for context in ("{}", "It is {} so", "\n{}\n"):
        assert kind not in [found[2] for found in marked([context.format(text)])[0]], context


@pytest.mark.parametrize("table", [TRUE, FALSE])
def test_there_are_enough_examples(table):
    for kind in table:
        assert sum(case[0] == kind and case[1] != "" for case in cases(table)) >= 20


BODY = "MIIEowIBAAKCAQEA0Z3VS5JJcds3xfn\nygWyF8PbnGy0AHB7MnFjW4kAoYtWrtZT\nc2vbX1QaQ1EaX0g="
LABELS = ["", "RSA ", "EC ", "DSA ", "OPENSSH ", "ENCRYPTED ", "SSH2 ENCRYPTED ", "ANY "]
BLOCKS = [
    *(f"-----BEGIN {label}PRIVATE KEY-----\n{BODY}\n-----END {label}PRIVATE KEY-----" for label in LABELS),
    f"-----BEGIN PGP PRIVATE KEY BLOCK-----\n\n{BODY}\n-----END PGP PRIVATE KEY BLOCK-----",
    f"-----BEGIN RSA PRIVATE KEY-----\r\nProc-Type: 4,ENCRYPTED\r\n\r\n{BODY}\r\n-----END RSA PRIVATE KEY-----",
    *(f"-----BEGIN {label}PRIVATE KEY-----\\n{BODY}\\n-----END {label}PRIVATE KEY-----" for label in LABELS[:4]),
    *(f"-----BEGIN {label}PRIVATE KEY-----\n{BODY}" for label in LABELS[:6]),
    f"-----BEGIN PRIVATE KEY-----{BODY}-----END PRIVATE KEY-----",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\n...\n-----END RSA PRIVATE KEY-----",
]
NO_BLOCKS = [
    *(f"-----BEGIN {label}-----\n{BODY}\n-----END {label}-----" for label in ("CERTIFICATE", "PUBLIC KEY", "RSA KEY")),
    *(f"-----BEGIN {label}PRIVATE KEY-----" for label in LABELS),
    *(f"-----BEGIN {label}PRIVATE KEY-----\n...\n-----END {label}PRIVATE KEY-----" for label in LABELS[:4]),
    f"BEGIN PRIVATE KEY\n{BODY}\nEND PRIVATE KEY",
    f"-----BEGIN private KEY-----\n{BODY}",
    f"-----BEGIN PRIVATE KEY----\n{BODY}",
    f"-----BEGIN PRIVATE KEYS-----\n{BODY}",
    f"-----END PRIVATE KEY-----\n{BODY}",
    "-----BEGIN PRIVATE KEY-----\nis the line with which such a block begins",
    "-----BEGIN PRIVATE KEY-----\n-----BEGIN PRIVATE KEY-----",
]


@pytest.mark.parametrize("text", BLOCKS)
def test_a_block_goes_whole(text):
    assert marked([text, f"a\n{text}\nand more"]) == [
        [(0, len(text), "private_key")],
        [(2, 2 + len(text), "private_key")],
    ]


@pytest.mark.parametrize("text", NO_BLOCKS)
def test_it_is_no_block(text):
    assert marked([text]) == [[]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("john.415-555-2671@example.com", ["email"]),
        ("call 4111 1111 1111 1111", ["card"]),
        ("DE89 3704 0044 0532 0130 00", ["iban"]),
        ("+1 415 555 2671 john@example.com", ["phone", "email"]),
        ("tel 030 12345678 / 030 87654321", ["phone", "phone"]),
        ("ghp_" + "a1B2" * 9 + "@example.com", ["email"]),
    ],
)
def test_of_those_that_overlap_the_leftmost_and_longest_stays(text, expected):
    assert [kind for _, _, kind in marked([text])[0]] == expected


def test_any_number_of_stretches_fits():
    texts = ["a@b.co " * 5000, "", "8.8.8.8 " * 3000]
    assert [len(found) for found in marked(texts)] == [5000, 0, 3000]
    assert pii.counts(pa.array(texts))["pii_total"].to_pylist() == [5000, 0, 3000]


def test_placeholders_are_put_in_slices_too():
    texts = pa.array(["x@y.org", "ü x@y.org, 8.8.8.8!", "none", "+14155552671"], pa.large_string()).slice(1)
    values = arrow.strings(texts)
    masked, characters = pii.masked(values, pii.find(values))
    assert masked.to_pylist() == ["ü <EMAIL>, <IP>!", "none", "<PHONE>"]
    assert characters == len("x@y.org8.8.8.8+14155552671")
    empty = arrow.strings(pa.array([], pa.large_string()))
    assert pii.masked(empty, pii.find(empty))[0].to_pylist() == []


@settings(deadline=None, max_examples=40)
@given(st.lists(st.lists(PIECES, max_size=25).map("".join), max_size=4))
def test_each_stretch_has_a_placeholder_of_its_kind(texts):
    values = arrow.strings(pa.array(texts, pa.large_string()))
    masked, characters = pii.masked(values, pii.find(values))
    expected, gone = [], 0
    for text in texts:
        data = text.encode()
        for start, end, kind in reversed(naive.found(text)):
            gone += len(data[start:end].decode())
            data = data[:start] + f"<{kind.upper()}>".encode() + data[end:]
        expected.append(data.decode())
    assert masked.to_pylist() == expected
    assert characters == gone

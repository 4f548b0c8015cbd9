"""Personal data found plainly: regular expressions and Python's own numbers and addresses, kind by kind.

Places are bytes of the text in UTF-8.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata

from curate.algorithms import pii_tables as tables
from curate.algorithms.top_level_domains import NAMES
from curate.kernels import pii_signs as signs

KINDS = ["email", "ip", "phone", "iban", "card", "key", "private_key"]
_SINGLE = ("THAI", "LAO", "KHMER", "MYANMAR")
_LETTER = rb"[A-Za-z\x80-\xff]"
_RESERVED_4 = [
    ipaddress.ip_network(network)
    for network in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24"),
        *("203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
    )
]
_RESERVED_6 = [ipaddress.ip_network(network) for network in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")]


def found(text: str) -> list[tuple[int, int, str]]:
    """Start, end and kind of what stays of all that is found: the leftmost, then the longest, then the first kind."""
    data = text.encode()
    every = [*_emails(text), *_private_keys(data), *_keys(data), *_numbers(data)]
    stays: list[tuple[int, int, str]] = []
    for start, end, kind in sorted(every, key=lambda item: (item[0], -item[1], KINDS.index(item[2]))):
        if not stays or start >= stays[-1][1]:
            stays.append((start, end, kind))
    return stays


# --- names ----------------------------------------------------------------------------------------


def _is_plain(character: str) -> bool:
    return character.isascii() and character.isalnum()


def _in_local(character: str) -> bool:
    if character.isascii():
        return _is_plain(character) or character in "%&'+-_~"
    return ord(character) < 0x2000 and character.isalnum() and not unicodedata.name(character, "").startswith(_SINGLE)


def _emails(text: str):
    for match in re.finditer("@", text):
        at = match.start()
        first = at
        while first and (_in_local(text[first - 1]) or (text[first - 1] == "." and first < at and text[first] != ".")):
            first -= 1
        if len(text[first:at].encode()) > 64:
            continue
        while first < at and text[first].isascii() and not _is_plain(text[first]) and text[first] != "_":
            first += 1
        size = _domain_size(text[at + 1 :])
        if first == at or not size or text[first - 1 : first] == "$" or text[at + 1 + size :].startswith("@"):
            continue
        yield len(text[:first].encode()), len(text[: at + 1 + size].encode()), "email"


def _domain_size(rest: str) -> int:
    """Characters of the longest domain that the text begins with, 0 for none."""
    size = best = 0
    for number in range(200):
        run = re.match(r"(?:[A-Za-z0-9-]|[^\W_](?<![\x00-\x7f]))+", rest[size:])
        label = run[0] if run else ""
        if not label or len(label.encode()) > 63 or label[0] == "-":
            return best
        last = (re.match(r"[A-Za-z0-9-]+", label) if _is_plain(label[0]) else re.match(".*", label))[0].rstrip("-")
        lowered = "".join(c.lower() if c.isascii() else c for c in last)
        if number and lowered in NAMES and len(rest[: size + len(last)].encode()) <= 253:
            best = size + len(last)
        size += len(label)
        if label[-1] == "-" or rest[size : size + 1] != "." or len(rest[:size].encode()) > 253:
            return best
        size += 1
    return best


_BEGIN = re.compile(rb"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----")


def _private_keys(data: bytes):
    for match in _BEGIN.finditer(data):
        if len(match[0]) > 60:
            continue
        rest = data[match.end() : match.end() + (1 << 15)]
        stop = re.search(rb"-----BEGIN |-----END ", rest)
        if stop and stop[0] == b"-----END ":
            closed = re.compile(rb"-----END [A-Z0-9 ]*-----").match(rest, stop.start())
            letters = re.sub(rb"[^A-Za-z0-9+/=]", b"", rest[: stop.start()])
            if closed and len(letters) >= 16:
                yield match.start(), match.end() + closed.end(), "private_key"
        else:
            lines = re.match(rb"(?:[\r\n]+(?:[A-Za-z0-9+/=]{16,}(?=[\r\n]|$))?)*", data[match.end() :])[0].rstrip(
                b"\r\n"
            )
            if len(lines) >= 32:
                yield match.start(), match.end() + len(lines), "private_key"


def _class(classes: int) -> bytes:
    parts = {
        signs.DIGIT: b"0-9",
        signs.UPPER: b"A-Z",
        signs.LETTER: b"A-Za-z",
        signs.HEX: b"0-9a-fA-F",
        signs.UNDERSCORE: b"_",
        signs.DOT: b".",
        signs.HYPHEN: b"\\-",
    }
    return b"[" + b"".join(part for bit, part in parts.items() if classes & bit) + b"]"


def _keys(data: bytes):
    for match in re.finditer(rb"(?<![A-Za-z0-9])[0-9]{8,10}:A[A-Za-z0-9_-]{34}(?![A-Za-z0-9_-])", data):
        if not data[: match.start()].endswith((b"-", b"_")):
            yield match.start(), match.end(), "key"
    for token in re.finditer(rb"[A-Za-z0-9_-]{20,}", data):
        if not re.search(rb"[0-9_K]", token[0]):
            continue
        at = token.start()
        web = re.compile(rb"(?:eyJ[A-Za-z0-9_-]{7,}\.){2}[A-Za-z0-9_-]{10,}").match(data, at)
        if web:
            yield at, web.end(), "key"
            continue
        stem = re.search(rb"[A-Za-z0-9_-]{0,7}\.\Z", data[max(0, at - 8) : at])
        for prefix, (classes, least, most, digit) in tables.KEY_SHAPES.items():
            start = at - len(stem[0]) if stem and prefix.endswith(".") else at
            if not data.startswith(prefix.encode(), start):
                continue
            first = start + len(prefix)
            run = re.compile(_class(classes) + b"*").match(data, first)[0]
            run = run.rstrip(b".") if classes & signs.DOT else run
            after = data[first + len(run) : first + len(run) + 1]
            fits = least <= len(run) <= most and not re.match(rb"[A-Za-z0-9_-]", after)
            if fits and (not digit or re.search(rb"[0-9]", run)):
                yield start, first + len(run), "key"
                break


# --- numbers --------------------------------------------------------------------------------------


def _numbers(data: bytes):
    for run in re.finditer(rb"[0-9]+", data):
        yield from _from_digits(data, run.start())


def _from_digits(data: bytes, at: int):
    if re.search(rb"(?<![A-Za-z0-9_])[A-Z]{2}\Z", data[max(0, at - 3) : at]) and re.match(rb"[0-9]{2}", data[at:]):
        end = _iban_end(data, at - 2)
        if end:
            yield at - 2, end, "iban"
    if re.search(rb"[A-Za-z0-9]\Z", data[:at]):
        return
    address = _ipv4_end(data, at) or _ipv6_end(data, at)
    if address:
        yield at, address, "ip"
        return
    card = _card_end(data, at)
    if card:
        yield at, card, "card"
    phone = _phone(data, at)
    if phone:
        yield *phone, "phone"


def _cued(data: bytes, at: int, words: list[str], reach: int, adjacent: bool) -> bool:
    low = at - len(re.search(rb"[^0-9\n]*\Z", data[max(0, at - reach) : at])[0])
    if adjacent:
        letters = [match.start() for match in re.finditer(rb"[A-Za-z]+", data[low:at])]
        low += letters[-1] if letters else 0
    for word in words:
        encoded = word.encode()
        for match in re.compile(b"(?=" + re.escape(encoded) + b")").finditer(data[:at].lower(), low):
            start, end = match.start(), match.start() + len(encoded)
            if start > at - 2:
                continue
            if encoded[0] >= 0xE0:
                return True
            before = re.match(_LETTER, data[start - 1 : start]) and len(encoded) < 7
            if not before and not (end < at and re.match(_LETTER, data[end : end + 1])):
                return True
    return False


def _ipv4_end(data: bytes, at: int) -> int:
    match = re.compile(rb"[0-9]{1,3}(?:\.[0-9]{1,3}){3}").match(data, at)
    if not match or re.search(rb"[A-Za-z0-9_.]\Z|[A-Za-z_][/-]\Z", data[:at]):
        return 0
    rest = data[match.end() :]
    if re.match(rb"[A-Za-z0-9_]|\.[A-Za-z0-9]|-[A-Za-z]", rest):
        return 0
    try:
        address = ipaddress.IPv4Address(match[0].decode())
    except ValueError:
        return 0
    packed = address.packed
    if any(address in network for network in _RESERVED_4) or packed[1:] == b"\0\0\0":
        return 0
    if max(packed[:3]) < 32 and len(set(packed)) > 1:
        told = re.match(rb"[:/][0-9]", rest) or data[:at].endswith((b"/", b"@"))
        if not told and not _cued(data, at, tables.HOST_WORDS, 20, False):
            return 0
    return 0 if _cued(data, at, tables.VERSION_WORDS, 20, True) else match.end()


def _ipv6_end(data: bytes, at: int) -> int:
    match = re.compile(rb"[23][0-9a-fA-F]{3}(?:::?[0-9a-fA-F]+)*(?:::)?").match(data, at)
    if not match or re.search(rb"[A-Za-z0-9_:.]\Z", data[:at]) or re.match(rb"[A-Za-z0-9_]|::", data[match.end() :]):
        return 0
    try:
        address = ipaddress.IPv6Address(match[0].decode())
    except ValueError:
        return 0
    if any(address in network for network in _RESERVED_6) or len(re.findall(rb"[0-9a-fA-F]+", match[0])) < 3:
        return 0
    return match.end()


def _iban_end(data: bytes, at: int) -> int:
    length = tables.IBAN_LENGTHS.get(data[at : at + 2].decode(), 0)
    match = re.compile(rb"(?:[A-Z0-9] ?){%d}[A-Z0-9](?![A-Za-z0-9_])" % max(0, length - 1)).match(data, at)
    if not length or not match:
        return 0
    letters = match[0].replace(b" ", b"").decode()
    digits = "".join(str(int(letter, 36)) for letter in letters[4:] + letters[:4])
    return match.end() if int(digits) % 97 == 1 else 0


_ISSUERS = [
    (r"4|5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720|352[89]|35[3-8]|6011|64[4-9]|65|62", 16, 16),
    (r"3[47]", 15, 15),
    (r"30[0-5]|3[689]", 14, 14),
    (r"6011|64[4-9]|65|62", 17, 19),
    (r"4", 19, 19),
]


def _card_end(data: bytes, at: int) -> int:
    sign = data[at + 4 : at + 5]
    grouped = sign in (b" ", b"-")
    pattern = rb"[0-9]+(?:" + sign + rb"[0-9]+)*" if grouped else rb"[0-9]+"
    match = re.compile(pattern).match(data, at)
    groups = [len(group) for group in re.findall(rb"[0-9]+", match[0])]
    if re.search(rb"[A-Za-z0-9_.-]\Z", data[:at]) or (grouped and re.search(rb"[0-9]" + sign + rb"\Z", data[:at])):
        return 0
    if grouped and groups not in ([4, 4, 4, 4], [4, 4, 4, 4, 3], [4, 6, 5], [4, 6, 4]):
        return 0
    if re.match(rb"[A-Za-z0-9_]|[.-][A-Za-z0-9]", data[match.end() :]):
        return 0
    digits = re.sub(rb"[^0-9]", b"", match[0]).decode()
    if not any(low <= len(digits) <= high and re.match(starts, digits) for starts, low, high in _ISSUERS):
        return 0
    doubled = sum(sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return match.end() if (doubled + sum(map(int, digits[::-2]))) % 10 == 0 else 0


# --- telephone numbers ----------------------------------------------------------------------------

_WHITE = rb"(?: |\xc2\xa0|\xe2\x80\xaf)"
_JOINT = re.compile(
    rb"(?P<close>\)?)(?:(?P<before>W?)(?P<mark>[-./]|\xe2\x80[\x90-\x93])(?P<after>W?)|(?P<white>W?))(?P<open>\(?)".replace(
        b"W", _WHITE
    )
)
_NATIONAL = [
    r"[2-9]\d\d\)(?: |[-./]~?)?[1-9]\d\d(?: |[-.]~?)\d{4}",
    r"(?!\()[2-9]\d\d(?:(?P<one>[-.])[1-9]\d\d(?P=one)|/[1-9]\d\d[-.])\d{4}",
    r"1[-./ ]\([2-9]\d\d\)(?: |[-./]~?)?[1-9]\d\d(?: |[-.]~?)\d{4}",
    r"1[-./ ](?:[2-9]\d\d(?:(?P<two>[-.])[1-9]\d\d(?P=two)|/[1-9]\d\d[-.])\d{4})",
    r"1[3-9]\d(?P<three>[- ])\d{4}(?P=three)\d{4}",
]
_RUSSIAN = r"[78]J[3489]\d\dJ\d{3}J\d\dJ\d\d"
_J = r"\)?(?: |[-./]~?)?\(?"


def _read(data: bytes, at: int) -> tuple[list[str], list[str | None], list[int]]:
    """Groups of digits, the joint after each, and where each ends."""
    groups: list[str] = []
    joints: list[str | None] = []
    ends: list[int] = []
    while len(groups) < 9:
        group = re.compile(rb"[0-9]+").match(data, at)[0].decode()
        if len("".join(groups)) + len(group) > 18:
            break
        groups.append(group)
        ends.append(at + len(group))
        match = _JOINT.match(data, ends[-1])
        at = match.end()
        if not match[0] or not re.match(rb"[0-9]", data[at : at + 1]):
            joints.append(None)
            break
        mark = match["mark"] or b""
        body = (mark.decode() if len(mark) < 3 else "-") + ("~" if mark and (match["before"] or match["after"]) else "")
        joints.append(f"{match['close'].decode()}{body or ' ' * bool(match['white'])}{match['open'].decode()}")
    return groups, joints, ends


def _alike(joints: list, count: int):
    return joints[0] if all(joint == joints[0] for joint in joints[1 : count - 1]) else "?"


def _is_date(groups: list[str]) -> bool:
    year = r"(?:19|20)\d\d"
    if re.match(rf"{year}(?: \d+| \d\d? .*)$", " ".join(groups)):
        return True
    return bool(re.match(rf"(?:[0-2]?\d|3[01]) (?:[0-2]?\d|3[01]) {year}(?: |$)", " ".join(groups)))


def _calls(digits: str) -> bool:
    code = next((digits[:size] for size in (1, 2, 3) if int(digits[:size]) in tables.CALLING_CODES), None)
    if not code or digits[0] == "0":
        return False
    least, most = tables.CALLING_CODES[int(code)]
    return least <= len(digits) - len(code) <= most


def _is_national(groups: list[str], joints: list, parenthesis: bool) -> bool:
    count = len(groups)
    whole = "".join(group + (joint or "") for group, joint in zip(groups, [*joints[: count - 1], ""], strict=True))
    digits = "".join(groups)
    shape = "-".join(str(len(group)) for group in groups)
    inner = joints[: count - 1]
    if parenthesis:
        if re.fullmatch(_NATIONAL[0], whole):
            return True
    elif any(re.fullmatch(pattern, whole) for pattern in _NATIONAL[1:]):
        return True
    if re.match(r"0[1-9]", digits) and 9 <= len(digits) <= 11 and 2 <= count <= 5 and not _is_date(groups):
        first = inner[0].replace(")", "") if parenthesis else inner[0]
        fits = 2 <= len(groups[0]) <= 5 and all(2 <= len(group) <= 8 for group in groups[1:])
        joined = not re.search(r"[()]", first + "".join(inner[1:])) and not re.search(r"[~/]", "".join(inner[1:]))
        dots = _alike(joints, count) == "." and (count == 2 or shape == "3-3-3")
        if fits and joined and not dots and (count < 5 or shape == "2-2-2-2-2"):
            return True
    if parenthesis:
        if not 2 <= count <= 4 or not 9 <= len(digits) <= 11 or re.fullmatch(r"(?:19|20)\d\d", groups[0]):
            return False
        first = inner[0].replace(")", "")
        marks = not re.search(r"[()/]", first + "".join(inner[1:])) and "." not in first
        return marks and 2 <= len(groups[0]) <= 5 and all(2 <= len(group) <= 9 for group in groups[1:])
    if count > 1 and re.match(r"00\d", groups[0]):
        return _calls(_without_trunk(groups, inner)[2:])
    return bool(re.fullmatch(_RUSSIAN.replace("J", _J), whole)) and shape == "1-3-3-2-2"


def _without_trunk(groups: list[str], inner: list) -> str:
    """The digits without a zero in parentheses."""
    kept = groups[:1]
    for k, group in enumerate(groups[1:], 1):
        if not (group == "0" and "(" in inner[k - 1] and k < len(groups) and ")" in ([*inner, ""][k] or "")):
            kept.append(group)
    return "".join(kept)


def _is_any(groups: list[str], joints: list) -> bool:
    count, inner = len(groups), joints[: len(groups) - 1]
    if not 7 <= len("".join(groups)) <= 15 or _is_date(groups) or any(len(group) < 2 for group in groups[1:]):
        return False
    if max(map(len, groups)) > 12 or any("/" in joint and (k or groups[0][0] != "0") for k, joint in enumerate(inner)):
        return False
    return not (count > 1 and set(inner) == {"."}) or count not in (2, 4)


def _ends(data: bytes, joints: list, ends: list[int], count: int) -> bool:
    at = ends[count - 1]
    after = data[at : at + 1]
    if (re.match(rb"[A-Za-z0-9_]", after) and not (after in b"xX" and count > 1)) or (after and after in b"@%"):
        return False
    if re.match(rb"[:,][0-9]", data[at:]):
        return False
    joint = joints[count - 1]
    if joint is None:
        return True
    if ")" in joint or " " not in joint:
        return ")" not in joint and "~" in joint and "." not in joint
    return "(" in joint or _alike(joints, count) != " "


def _phone(data: bytes, at: int) -> tuple[int, int] | None:
    if re.search(rb"[A-Za-z0-9_]\Z", data[:at]):
        return None
    parenthesis = data[:at].endswith(b"(")
    start = at - parenthesis
    groups, joints, ends = _read(data, at)
    if data[:start].endswith(b"+"):
        if re.search(rb"[A-Za-z0-9_+]\Z", data[: start - 1]):
            return None
        for n in range(len(groups), 0, -1):
            if _calls_after_plus(groups[:n], joints, n) and _ends(data, joints, ends, n):
                opened = n > 1 and ")" in (joints[0] or "") and data[: start - 1].endswith(b"(")
                return start - 1 - opened, ends[n - 1]
        return None
    if len("".join(groups)) < 7 or re.search(rb"[A-Za-z0-9_+,\-./#$%&@*]\Z|[0-9]:\Z", data[:start]):
        return None
    if re.search(rb"[0-9] \Z", data[:start]) and joints[0] == " ":
        return None
    parenthesis = parenthesis and ")" in (joints[0] or "")
    begin = start if parenthesis else at
    for n in range(min(len(groups), 6), 1, -1):
        if _is_national(groups[:n], joints, parenthesis) and _ends(data, joints, ends, n):
            return begin, ends[n - 1]
    for n in range(len(groups), 0, -1):
        if _is_any(groups[:n], joints) and _ends(data, joints, ends, n):
            return (begin, ends[n - 1]) if _cued(data, start, tables.PHONE_WORDS, 28, False) else None
    return None


def _calls_after_plus(groups: list[str], joints: list, count: int) -> bool:
    return _calls(_without_trunk(groups, joints[: count - 1]))

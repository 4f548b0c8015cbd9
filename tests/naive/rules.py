"""What the rules count, by regular expressions and plain loops over whole strings."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from functools import cache

from curate.algorithms.english import exceptions, units
from curate.algorithms.stop_words import GOPHER
from curate.kernels import rules_characters as characters

EXCEPTIONS = exceptions()


@cache
def _class(bit: int) -> str:
    """The inside of a regular expression's class: runs of code points that have a bit."""
    points = [c for c, value in enumerate(characters.characters().tolist()) if value & bit and not 0xD800 <= c < 0xE000]
    runs: list[list[int]] = []
    for point in points:
        if runs and runs[-1][1] == point - 1:
            runs[-1][1] = point
        else:
            runs.append([point, point])
    return "".join(re.escape(chr(first)) + ("-" + re.escape(chr(last)) if last > first else "") for first, last in runs)


@cache
def _patterns() -> tuple[re.Pattern, re.Pattern, re.Pattern, re.Pattern]:
    alpha, small, large = _class(characters.ALPHA), _class(characters.SMALL), _class(characters.LARGE)
    quote, icon, closes = _class(characters.QUOTE), _class(characters.ICON), _class(characters.CLOSES)
    unit = "|".join(re.escape(unit) for unit in units())
    prefix = rf"[{_class(characters.PREFIX)}]|\+(?![0-9])|\.\.+|US\$|C\$|A\$"
    suffix = (
        rf"(?:……|'s|'S|’s|’S|\.\.+|[{_class(characters.SUFFIX)}]|(?<=[0-9])\+|(?<=°[FfCcKk])\."
        rf"|(?<=[0-9])(?:[{_class(characters.CURRENCY)}]|{unit})|(?<=[{closes}])\.|(?<=[{large}][{large}])\.)$"
    )
    infix = (
        rf"\.\.+|…|[{icon}]|(?<=[0-9])[+\-*^](?=[0-9-])|(?<=[{small}{quote}])\.(?=[{large}{quote}])"
        rf"|(?<=[{alpha}]),(?=[{alpha}])|(?<=[{alpha}0-9])(?:-|–|—|--|---|——|~)(?=[{alpha}])"
        rf"|(?<=[{alpha}0-9])[:<>=/](?=[{alpha}])"
    )
    label = r"[A-Za-z0-9\u00a1-\uffff]"
    address = (
        rf"(?:[\w+\-.]{{2,}}://)?(?:\S+(?::\S*)?@)?(?:(?:{label}[A-Za-z0-9\u00a1-\uffff_-]{{0,62}})?{label}\.)+"
        rf"[{small}]{{2,63}}(?::\d{{2,5}})?(?:[/?#]\S*)?$"
    )
    return re.compile(prefix), re.compile(suffix), re.compile(infix), re.compile(address)


def words(text: str) -> list[str]:
    """The words of a text."""
    return [word for chunk in text.split() for word in _cut(chunk)]


def _cut(chunk: str) -> list[str]:
    before, after = [], []
    prefix, suffix, infix, address = _patterns()
    rest = chunk
    while rest and rest not in EXCEPTIONS:
        head = prefix.match(rest)
        begin = head.end() if head else 0
        if begin and rest[begin:] in EXCEPTIONS:
            before.append(rest[:begin])
            rest = rest[begin:]
            break
        tail = suffix.search(rest[begin:])
        length = len(tail[0]) if tail else 0
        if not begin and not length:
            break
        if length and rest[:-length] in EXCEPTIONS:
            after.insert(0, rest[-length:])
            rest = rest[:-length]
            break
        before += [rest[:begin]] if begin else []
        after = ([rest[-length:]] if length else []) + after
        rest = rest[begin : len(rest) - length]
    if rest in EXCEPTIONS:
        inner = list(EXCEPTIONS[rest])
    elif address.match(rest):
        inner = [rest]
    else:
        inner = _split(rest, infix)
    return _joined(before + inner + after)


def _split(rest: str, infix: re.Pattern) -> list[str]:
    found, begin = [], 0
    for match in infix.finditer(rest):
        if match.start():
            found += [rest[begin : match.start()], match[0]]
            begin = match.end()
    return [piece for piece in [*found, rest[begin:]] if piece]


def _joined(pieces: list[str]) -> list[str]:
    """Exceptions that were broken, put together again."""
    if len(pieces) < 3:
        return pieces
    found, i = [], 0
    while i < len(pieces):
        number = next(
            (n for n in (4, 3, 2) if EXCEPTIONS.get("".join(pieces[i : i + n])) == ("".join(pieces[i : i + n]),)), 1
        )
        found.append("".join(pieces[i : i + number]))
        i += min(number, len(pieces) - i)
    return found


def sentences(line: str) -> int:
    """The sentences of a line: a word that is more than punctuation begins one after a word that ends one."""
    tokens = re.findall(r"(?<=\S)(?: \s+|[^\S ]\s*)|\S+", line)
    found, ended = 0, False
    for word in (w for token in tokens for w in ([" "] if token.isspace() else _cut(token))):
        found = found or 1
        ends = len(word) == 1 and bool(characters.characters()[ord(word)] & characters.ENDS)
        if ended and not ends and not all(unicodedata.category(c)[0] == "P" for c in word):
            found, ended = found + 1, False
        ended = ended or ends
    return found


def repeated(items: list[str]) -> tuple[int, int]:
    """How many items repeat an earlier one, and their characters."""
    again = [item for i, item in enumerate(items) if item in items[:i]]
    return len(again), sum(map(len, again))


def top(found: list[str], n: int) -> int:
    """Characters of the most frequent n words, times their count."""
    grams = Counter(tuple(found[i : i + n]) for i in range(len(found) - n + 1))
    if not grams:
        return 0
    gram, count = max(grams.items(), key=lambda item: item[1])
    return len(" ".join(gram)) * count


def duplicated(found: list[str], n: int) -> int:
    """Characters of n words that stood before, from left to right without overlap."""
    seen, at, total = set(), 0, 0
    while at <= len(found) - n:
        gram = tuple(found[at : at + n])
        if gram in seen:
            total += sum(map(len, gram))
            at += n
        else:
            seen.add(gram)
            at += 1
    return total


POLICIES = ("terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies", "use cookies")


def c4(text: str, ended_only: bool = False) -> tuple[list[str], Counter, bool, bool]:
    """The lines that C4 keeps, all by what becomes of them, and whether one holds lorem ipsum or a bracket."""
    kept, kinds, lorem, bracket = [], Counter(), False, False
    for line in text.splitlines():
        line = line.strip()
        cleaned = re.sub(r"\[\d*]|\[edit]|\[citation needed]", "", line)
        kind = _kind(line, cleaned, ended_only)
        reached = kind in ("kept", "policy", "javascript")
        lorem |= reached and "lorem ipsum" in cleaned.lower()
        bracket |= reached and kind != "javascript" and "{" in cleaned
        kinds[kind] += 1
        if kind == "kept":
            kept.append(cleaned)
    return kept, kinds, lorem, bracket


def _kind(line: str, cleaned: str, ended_only: bool) -> str:
    lower = cleaned.lower()
    if any(len(word) > 1000 for word in line.split()):
        return "long_word"
    if ended_only and (not cleaned.endswith((".", "?", "!", '"', "'")) or cleaned.endswith("...")):
        return "no_terminal_punctuation"
    if len(line.split()) < 3:
        return "few_words"
    if "javascript" in lower:
        return "javascript"
    return "policy" if any(phrase in lower for phrase in POLICIES) else "kept"


def fineweb(text: str, prefix: str = "") -> dict[str, float]:
    """FineWeb's four ratios."""
    filled = [line for line in text.split("\n") if line.strip()]
    ends = [bool(characters.characters()[ord(line[-1])] & characters.TERMINAL) for line in filled]
    newlines, found = text.count("\n"), words(text)
    return {
        f"{prefix}punctuated_line_fraction": _ratio(sum(ends), len(filled)),
        f"{prefix}short_line_fraction": _ratio(sum(len(line) <= 30 for line in filled), len(filled)),
        f"{prefix}repeated_line_character_fraction": _ratio(repeated(filled)[1], len(text) - newlines),
        f"{prefix}newline_ratio": _ratio(newlines, len(found)),
    }


def measure(text: str) -> dict[str, float]:
    """The statistics that the published recipes decide on, and some more."""
    found = words(text)
    table = characters.characters()
    plain = [word for word in found if not all(table[ord(c)] & characters.MARK for c in word)]
    lines = text.splitlines()
    paragraphs = re.split(r"\n{2,}", text.strip()) if text.strip() else []
    segments = re.split(r"\n+", text)
    kept_lines, kinds, lorem, bracket = c4(text)
    kept = "\n".join(kept_lines).strip()
    ended = c4(text, ended_only=True)
    return {
        "characters": len(text),
        "word_count": len(found),
        "plain_word_count": len(plain),
        "mean_word_length": _ratio(sum(map(len, plain)), len(plain)),
        "unique_word_fraction": _ratio(len(set(found)), len(found)),
        "paragraph_count": len(paragraphs),
        "sentence_count": sum(sentences(line.strip()) for line in lines),
        "letter_fraction": _ratio(sum(c.isalpha() for c in text), len(text)),
        "digit_fraction": _ratio(sum(c.isdecimal() for c in text), len(text)),
        "space_fraction": _ratio(sum(c.isspace() for c in text), len(text)),
        "hash_ratio": _ratio(text.count("#"), len(found)),
        "ellipsis_ratio": _ratio(text.count("...") + text.count("…"), len(found)),
        "bullet_line_fraction": _ratio(sum(line.lstrip().startswith(("•", "-")) for line in lines), len(lines)),
        "ellipsis_line_fraction": _ratio(sum(line.rstrip().endswith(("...", "…")) for line in lines), len(lines)),
        "alphabetic_word_fraction": _ratio(sum(any(c.isalpha() for c in word) for word in found), len(found)),
        "stop_words": len(set(GOPHER) & set(found)),
        "duplicate_paragraph_fraction": _ratio(repeated(paragraphs)[0], len(paragraphs)),
        "duplicate_paragraph_character_fraction": _ratio(repeated(paragraphs)[1], len(text)),
        "duplicate_line_fraction": _ratio(repeated(segments)[0], len(segments)),
        "duplicate_line_character_fraction": _ratio(repeated(segments)[1], len(text)),
        **{f"top_{n}_gram_character_fraction": _ratio(top(found, n), len(text)) for n in (2, 3, 4)},
        **{f"duplicate_{n}_gram_character_fraction": _ratio(duplicated(found, n), len(text)) for n in range(5, 11)},
        **fineweb(text),
        "c4_line_count": len(lines),
        "c4_kept_lines": kinds["kept"],
        "c4_few_words_lines": kinds["few_words"],
        "c4_javascript_lines": kinds["javascript"],
        "c4_policy_lines": kinds["policy"],
        "c4_lorem_ipsum": lorem,
        "c4_curly_bracket": bracket,
        "c4_ended_lines": ended[1]["kept"],
        "c4_ended_sentences": sum(map(sentences, ended[0])),
        "c4_ended_lorem_ipsum": ended[2],
        "c4_ended_curly_bracket": ended[3],
        "c4_sentences": sum(map(sentences, kept_lines)),
        "c4_characters": len(kept),
        "c4_word_count": len(words(kept)),
        "c4_filled_lines": sum(bool(line.strip()) for line in kept.split("\n")),
        **fineweb(kept, "c4_"),
    }


def _ratio(above: float, below: float) -> float:
    return above / below if below else 0.0

"""The estimate of tokens in regular expressions."""

import re

from curate.kernels import tokens

PUNCTUATION = r"!-/:-@\[-`{-~"
BLANK = r" \t\v\f\r\x1c-\x1f"
OTHER = re.compile(r"[\x00-\x08\x0e-\x1b\x7f\u0370-\u1dff\u1f00-\U0010ffff]")


def estimate(text: str) -> int:
    """For ASCII, Latin letters, and characters beyond them that are neither punctuation, digits nor space."""
    total = 0
    for word in re.findall("[A-Z]*[a-zà-ö]+|[A-Z]+", text):
        total += tokens.WORD_COST + tokens.LETTER_COST * max(0, len(word) - tokens.WHOLE_WORD)
    total += tokens.ACCENT_COST * len(re.findall("[à-ö]", text))
    total += tokens.NUMBER_COST * len(re.findall("[0-9]{1,3}", text))
    marks = re.findall(f"[{PUNCTUATION}]+", text)
    total += tokens.MARK_COST * len(marks) + tokens.MORE_MARKS_COST * sum(len(run) - 1 for run in marks)
    total += tokens.LINE_COST * len(re.findall(rf"\n[{BLANK}\n]*", text))
    total += tokens.GAP_COST * len(re.findall(rf"(?<![{BLANK}\n])[{BLANK}]{{2,}}", text))
    costs = tokens.page_costs()
    total += sum(int(costs[ord(character) >> 8]) for character in OTHER.findall(text))
    return max((total + 50) // 100, 1) if text else 0

"""Main text by Resiliparse (Bevendorff et al. 2018, ECIR): ten times as fast as trafilatura, less exact."""

from __future__ import annotations

import re
from datetime import date as Day

from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.html import HTMLTree

from curate.formats.extraction_child import Found

_AUTHOR = ("meta[name=author]", "meta[property='article:author']")
_PUBLISHED = (
    "meta[property='article:published_time']",
    "meta[itemprop=datePublished]",
    "meta[name=date]",
    "meta[name='dc.date']",
    "meta[name='DC.date.issued']",
    "meta[name='citation_publication_date']",
)
_DAY = re.compile(r"(\d{4})[-/](\d{2})[-/](\d{2})")


def extract(page: str, url: str | None, date: str | None) -> Found:
    """The main text, or the whole visible text of a page without one, and what its head says of it.

    Comments and the descriptions of pictures are left out: on 439 pages of many languages F1 is 0.867, with them 0.847.
    """
    tree = HTMLTree.parse(page)
    text = extract_plain_text(tree, preserve_formatting=True, main_content=True, comments=False, alt_texts=False)
    if not text.strip():
        text = extract_plain_text(tree, preserve_formatting=True, main_content=False, comments=False, alt_texts=False)
    return Found(text, (tree.title or "").strip() or None, _told(tree, _AUTHOR), _published(tree))


def _told(tree: HTMLTree, selectors: tuple[str, ...]) -> str | None:
    for selector in selectors:
        element = tree.document.query_selector(selector) if tree.document else None
        value = (element.getattr("content") or "").strip() if element else ""
        if value and not value.startswith(("http://", "https://")):
            return value
    return None


def _published(tree: HTMLTree) -> str | None:
    found = _DAY.match(_told(tree, _PUBLISHED) or "")
    try:
        return Day(*map(int, found.groups())).isoformat() if found else None
    except ValueError:
        return None

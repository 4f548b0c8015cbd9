"""Main text by trafilatura (Barbaresi 2021, ACL demo), the best of the open extractors in its own and others' tests."""

from __future__ import annotations

import sys

import lxml.etree
import lxml.html
import trafilatura
import trafilatura.utils

from curate.formats.extraction_child import Found, TooDeep

_LAST_DAY = "2099-12-31"

# libxml2 silently drops what is nested more than 256 deep and texts of over 10 MB unless told that a tree may be huge.
# How huge is decided before a page comes here.
_PARSER = trafilatura.utils.HTML_PARSER = lxml.html.HTMLParser(
    collect_ids=False,
    default_doctype=False,
    encoding="utf-8",
    remove_comments=True,
    remove_pis=True,
    huge_tree=True,
)
sys.setrecursionlimit(20_000)


def extract(page: str, url: str | None, date: str | None) -> Found:
    """The main text, without readers' comments, and what the page says of itself.

    All is a function of the arguments: no text is compared with those of earlier pages, and a day of publication is one
    that the markup gives and no later than the page was fetched. Neither precision nor recall is favoured: on 439 pages
    of many languages F1 is 0.927, against 0.922 and 0.917. Raises TooDeep for a page of which libxml2 dropped the end.
    """
    dates = {"original_date": True, "extensive_search": False, "max_date": date[:10] if date else _LAST_DAY}
    tree = trafilatura.load_html(page)
    if any(entry.type == lxml.etree.ErrorTypes.ERR_RESOURCE_LIMIT for entry in _PARSER.error_log):
        raise TooDeep
    if tree is None:
        return Found("")
    found = trafilatura.bare_extraction(
        tree,
        url=url,
        include_comments=False,
        deduplicate=False,
        with_metadata=True,
        date_extraction_params=dates,
    )
    if found is None or isinstance(found, dict):
        return Found("")
    return Found(found.text or "", found.title, found.author, found.date)

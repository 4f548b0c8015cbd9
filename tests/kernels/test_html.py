"""The shape of a page's tree, against trees that are known and against what a parser of HTML 5 builds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from resiliparse.parse.html import HTMLTree

from curate.kernels import html

LIMIT = 200
NESTING = ("div", "span", "section", "ul", "blockquote", "custom-name")
SOUP = ("div", "p", "ul", "li", "b", "span", "a", "h1", "table", "tr", "td", "option", "svg", "br", "dd")


def measured(page: str | bytes, limit: int = LIMIT) -> tuple[int, int, int]:
    data = page.encode() if isinstance(page, str) else page
    array = np.frombuffer(b"xx" + data, dtype=np.uint8)[2:]
    out = np.full(3, -1, dtype=np.int64)
    html.measure(array, limit, out)
    return tuple(out.tolist())


def depth_of(page: str) -> int:
    """Elements on the longest way down, html and body included."""
    deepest, waiting = 0, [(HTMLTree.parse(page).document, 0)]
    while waiting:
        node, depth = waiting.pop()
        deepest = max(deepest, depth)
        waiting += [(child, depth + 1) for child in node.child_nodes if child.tag and child.tag[0] != "#"]
    return deepest


@st.composite
def trees(draw, most: int = 5) -> tuple[str, int, int]:
    """A page of well-nested elements, how many there are, and how deep they lie."""
    text, count, depth = draw(st.sampled_from(["", "words", "a < b", "<br>", "<!-- <div> -->"])), 0, 0
    count += text == "<br>"
    if most:
        for tag in draw(st.lists(st.sampled_from(NESTING), max_size=3)):
            inner, inner_count, inner_depth = draw(trees(most - 1))
            given_name = draw(st.sampled_from([tag, tag.upper()]))
            attributes = draw(st.sampled_from(["", ' class="a > b"', " id='</div>'", "\nhidden"]))
            text += f"<{given_name}{attributes}>{inner}</{tag} >"
            count, depth = count + 1 + inner_count, max(depth, 1 + inner_depth)
    return text, count, depth


@settings(max_examples=60, deadline=None)
@given(trees())
def test_well_nested_pages_are_measured_exactly(tree):
    page, count, depth = tree
    assert measured(page)[:2] == (count, depth)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["<{}>", "<{}>", "<{} a=1>", "</{}>", "<{}/>"]), st.sampled_from(SOUP)), max_size=80
    )
)
def test_tag_soup_is_at_most_three_times_as_deep_as_it_looks(tags):
    page = "<html><body>" + "".join(shape.format(tag) for shape, tag in tags)
    assert 3 * measured(page)[1] >= depth_of(page)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [b"<", b">", b"</", b"<!--", b"-->", b"<!", b"<?", b"/", b"a", b"p", b'"', b"=", b" ", b"\xff"]
        ),
        max_size=60,
    )
)
def test_any_bytes_end(parts):
    count, depth, attributes = measured(b"".join(parts))
    assert 0 <= depth <= count <= len(parts) and 0 <= attributes <= len(parts)


@pytest.mark.parametrize(
    ("page", "count", "depth", "attributes"),
    [
        ("", 0, 0, 0),
        ("<p>a<p>b<p>c", 3, 1, 0),
        ("<ul><li>a<li>b<ul><li>c</ul><li>d</ul>", 6, 4, 0),
        ("<table><tr><td>a<td>b<tr><td>c", 6, 3, 0),
        ("<dl><dt>a<dd>b<dt>c", 4, 2, 0),
        ("<select><option>a<option>b", 3, 2, 0),
        ("<a>b<a>c", 2, 1, 0),
        ("<script>if (a<b) '<div><div>'</script><p>", 2, 1, 0),
        ("<svg><path/><path/><g/></svg><p>", 5, 1, 0),
        ("<div/><div/><div/>", 3, 3, 0),
        ("<div><svg><g></div>" + "<p>a" * 9, 12, 3, 0),
        ("<b><div></b>" * 5, 10, 6, 0),
        ("<div><table><tr><td></div>" * 3, 12, 12, 0),
        ("<input a b='c d' e = f>", 1, 0, 5),
        ("<!DOCTYPE html><?xml a='<p>'?><!-><p>", 1, 1, 0),
    ],
)
def test_what_browsers_do(page: str, count: int, depth: int, attributes: int):
    assert measured(page) == (count, depth, attributes)


def test_it_stops_beyond_the_limit():
    assert measured("<div>" * 10, 10) == (10, 10, 0)
    assert measured("<div>" * 1000, 10) == (11, 11, 0)

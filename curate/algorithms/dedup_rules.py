"""How duplicates are told and which of them stays: what a plan has to know, without NumPy or Arrow."""

from __future__ import annotations

from typing import NamedTuple

COLUMNS = {"similarity": ("text", "digest"), "normalised": ("text", "digest"), "text": ("digest",), "url": ("url",)}
"""What identifies a document (its n-grams, its words in order, its text, its address), and the columns that tell."""


class Order(NamedTuple):
    """Which of several duplicates stays: the first in this order, equal ones by digest, then id.

    column: the one whose largest values come first and nulls last, or None. sources: those that come before all
    others, in this order, by the column `source`; within a source the column decides. Neither is the order of ids.
    """

    name: str
    column: str | None = None
    sources: tuple[str, ...] = ()


class Rules(NamedTuple):
    """How duplicates are told, and which of them stays.

    verify: `jaccard` of n-gram sets; `containment`, the share of a document's n-grams that another with as many
    or more has; `signature`, the share of bins in which sketches agree; `exact`, the same group alone; `none`, the
    same component. unit, ngram: of the n-grams. bins, seed: of the sketches. most_comparisons: sets that
    one is compared with at most; 0 is no limit.
    """

    order: Order
    verify: str = "jaccard"
    threshold: float = 0.8
    unit: str = "word"
    ngram: int = 5
    bins: int = 128
    seed: int = 0
    most_comparisons: int = 0

    @property
    def sets(self) -> bool:
        """Whether sets are compared at all."""
        return self.verify in ("jaccard", "containment", "signature")


def order(keep: str) -> Order:
    """Parse `longest`, `first`, `newest`, `best:COLUMN` or `source-priority:a,b,c`. Raises ValueError."""
    columns = {"longest": "bytes", "first": None, "newest": "date"}
    if keep in columns:
        return Order(keep, columns[keep])
    kind, _, given = keep.partition(":")
    if kind == "best" and given:
        return Order(keep, given)
    sources = tuple(name.strip() for name in given.split(","))
    if kind == "source-priority" and all(sources) and len(set(sources)) == len(sources):
        return Order(keep, "bytes", sources)
    raise ValueError(
        f"'{keep}' is not longest, first, newest, best:COLUMN or source-priority:a,b,c (each source named once)"
    )


def needs(rules: Rules) -> tuple[str, ...]:
    """The columns that `survey_sets` reads."""
    column = [rules.order.column] if rules.order.column else []
    names = ("id", "digest", *(["source"] if rules.order.sources else []), *column, *(["text"] if rules.sets else []))
    return tuple(dict.fromkeys(names))

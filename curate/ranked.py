"""What stages share that rank documents by one score and say which of them are the best.

Of such a stage the last census before `apply` surveys scores, as `ranking.scored` gives them; the rest is the same:

    _RANKED = Ranked("zipfit")

    STAGE = Stage(
        adds=_RANKED.adds,
        before=(Census(survey, _RANKED.settle, needs=needs),),
        apply=_RANKED.apply,
        again=_RANKED.again,
        after=_RANKED.after,
        ...
    )
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from curate.stage import Applied, Census, Decision, Settled, Share

if TYPE_CHECKING:
    import pyarrow as pa

KeepRate = Annotated[Share, Decision, Field(gt=0, le=1, description="The share of documents to keep, such as 5%.")]
"""The type of the option `keep_rate`, which such a stage must have."""


@dataclass(frozen=True)
class Ranked:
    """The columns of a score, by the score's name: the score itself, whether a document is among the best, its place.

    NAME: higher is better, null where there is none. NAME_keep: whether the document is among the `keep_rate` best:
    exactly that share of those with a score, rounded down. NAME_quantile: the share of them with a score as high or
    higher. missing: what the ledger calls the number of documents without a score, where it is to say so.
    """

    name: str
    score: Literal["float32", "float64"] = "float32"
    missing: str | None = None

    def adds(self, config: Any) -> pa.Schema:
        import pyarrow as pa

        kinds = {"": pa.type_for_alias(self.score), "_keep": pa.bool_(), "_quantile": pa.float64()}
        return pa.schema([(self.name + suffix, kind) for suffix, kind in kinds.items()])

    def settle(self, tables: Iterable[pa.Table], config: Any) -> Settled:
        """70 bytes a document, and two pieces of 128 MiB of the rows that it leaves."""
        from curate.algorithms import ranking

        return Settled(None, ranking.best(tables))

    def apply(self, table: pa.Table, mine: pa.Table | None, prepared: Any, config: Any) -> Applied:
        return self._decided(mine, config)

    def again(self, table: pa.Table, config: Any) -> Applied:
        return self._decided(table.select([self.name, f"{self.name}_quantile"]), config)

    def _decided(self, table: pa.Table | None, config: Any) -> Applied:
        from curate.algorithms import ranking

        columns = ranking.kept_columns(table, config.keep_rate, self.adds(config))
        return Applied(columns, counts={self.missing: columns[self.name].null_count} if self.missing else {})

    @property
    def after(self) -> Census:
        """The score's distribution, on a scale from -1 to 1, as `scores.kept_lines` reports it."""
        return Census(self._survey_scores, self._settle_scores, needs=lambda config: ("bytes",))

    def _survey_scores(self, table: pa.Table, mine: None, config: Any) -> pa.Table:
        from curate.algorithms import scores

        return scores.distribution(table[self.name], table["bytes"], scores.fine_edges())

    def _settle_scores(self, tables: Iterable[pa.Table], config: Any) -> Settled:
        """Add up the distributions: 32 KiB, whatever the number of documents."""
        from curate.algorithms import scores

        return Settled(scores.united(tables, scores.fine_edges()))

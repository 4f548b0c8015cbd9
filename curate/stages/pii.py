"""pii: how much personal data stands in each document."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from curate.stage import Census, Load, Options, Settled, Stage

if TYPE_CHECKING:
    import pyarrow as pa


class PiiConfig(Options):
    """Count personal data: e-mail and public IP addresses, telephone numbers, IBANs, cards, keys.

    A column for each kind, `pii_email`, `pii_ip`, `pii_phone`, `pii_iban`, `pii_card`, `pii_key` (access keys of known
    services, web tokens), `pii_private_key` (whole blocks), and `pii_total`. IBANs and cards have right check digits;
    IP addresses are neither private nor reserved. `curate clean --mask pii` puts placeholders in their place.
    """


def needs(config: PiiConfig) -> tuple[str, ...]:
    return ("text",)


def adds(config: PiiConfig) -> pa.Schema:
    import pyarrow as pa

    from curate.algorithms import pii

    return pa.schema([(name, pa.int32()) for name in pii.COLUMNS])


def apply(table: pa.Table, mine: None, prepared: None, config: PiiConfig) -> pa.Table:
    from curate.algorithms import pii

    return pii.counts(table["text"])


def survey(table: pa.Table, mine: None, config: PiiConfig) -> pa.Table:
    from curate.algorithms import pii

    return pii.summed(table)


def settle(tables: Iterable[pa.Table], config: PiiConfig) -> Settled:
    """Add up: under 1 KiB, whatever the number of documents."""
    from curate.algorithms import pii

    return Settled(pii.united(tables))


def report(model: pa.Table, summary: pa.Table, config: PiiConfig) -> list[str]:
    from curate.algorithms import pii

    return pii.report_lines(summary)


def memory(load: Load, config: PiiConfig) -> int:
    """A shard's text, 64 bytes a document, and of 8 MiB of text or the longest document five times its bytes: measured,
    four times where it is nothing but addresses."""
    if load.kind == "settle":
        return 64 << 20
    return load.reading + 64 * load.rows + 5 * ((8 << 20) + load.longest)


STAGE = Stage(
    name="pii",
    revision=2,
    config=PiiConfig,
    needs=needs,
    adds=adds,
    apply=apply,
    after=Census(survey, settle, needs=lambda config: ()),
    report=report,
    memory=memory,
)

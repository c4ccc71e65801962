"""Three hundred and fifty filters, good and bad: the rows they find, or the character where they go wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from register.db import open_read_pool
from register.errors import QueryInvalid
from register.query import Lanes, Prepared, Query, check, parse_fields, parse_filter, shape_of
from tests.register.test_query_naive import COLLECTIONS, WORLD, filled, paged

__all__ = ["filled"]

LINES = [
    line.split("\t")
    for line in (Path(__file__).parent / "grammar.txt").read_text("utf-8").splitlines()
    if not line.startswith("#")
]
GOOD = [(entity, text, rows) for entity, text, rows in LINES if not rows.startswith("QRY")]
BAD = [(entity, json.loads(f'"{text}"'), error) for entity, text, error in LINES if error.startswith("QRY")]


def test_there_are_three_hundred_of_them() -> None:
    assert len(GOOD) > 200
    assert len(BAD) > 100


async def test_good_filters_find_their_rows(filled: str) -> None:
    pool = await open_read_pool(filled, size=1)
    lanes = Lanes(pool)
    wrong = []
    try:
        for entity, text, rows in GOOD:
            query = Query(COLLECTIONS[entity], parse_fields("id"), parse_filter(text), limit=1000)
            prepared = Prepared.of(check(query), shape_of("x"))
            order = [str(row["id"]) for row in WORLD[entity]]
            found = sorted(order.index(row["id"]) for row in await paged(lanes, prepared, None))
            if found != [int(number) for number in rows.split()]:
                wrong.append((entity, text, rows, found))
    finally:
        await lanes.close()
        await pool.close()
    assert wrong == []


@pytest.mark.parametrize(("entity", "text", "error"), BAD, ids=[text[:40] for _, text, _ in BAD])
def test_a_bad_filter_is_refused_at_its_character(entity: str, text: str, error: str) -> None:
    with pytest.raises(QueryInvalid) as caught:
        check(Query(COLLECTIONS[entity], filter=parse_filter(text)))
    assert f"{caught.value.code} {caught.value.position}" == error

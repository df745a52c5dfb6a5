"""The ledger reads the same before and after its entries are added up, while ingest goes on writing them."""

import numpy as np
import psycopg
import pytest

from network.link import Tally
from perception.kinds import load_kinds
from support.postgres.connect import make_engine
from support.postgres.folding import Folding
from support.postgres.writer import PostgresStore

HOUR = 3_600_000_000
NOW = 1_796_000_000_000_000 // HOUR * HOUR


@pytest.fixture
def store(database):
    store = PostgresStore(database, load_kinds())
    assert store.claim()
    yield store
    store.close()


def test_the_ledger_reads_the_same_however_often_it_is_added_up(database, store):
    rng, truth = np.random.default_rng(4), {}
    engine = make_engine(database, "test")
    with psycopg.connect(database, autocommit=True) as on:
        for batch in range(60):
            at = NOW + int(rng.integers(3)) * HOUR
            tallies = {}
            for device in rng.choice(["", "a-1", "b-2", "c-3"], int(rng.integers(1, 4)), replace=False).tolist():
                stored, rejected = (int(n) for n in rng.integers(0, 9, 2))
                tallies[device] = Tally(stored + rejected, stored=stored, rejected=rejected)
                known = truth.setdefault((at, device), [0, 0, 0])
                truth[at, device] = [a + b for a, b in zip(known, (stored + rejected, stored, rejected), strict=True)]
            with store.transaction() as tx:
                tx.tally(at, tallies)
                if batch % 7 == 0:  # beside an entry that is not committed yet
                    list(Folding(engine).drain(NOW))
            found = on.execute("select (extract(epoch from hour) * 1000000)::bigint, device, received, stored, rejected"
                               " from ledger").fetchall()  # fmt: skip
            assert {(row[0], row[1]): list(row[2:]) for row in found} == truth
        list(Folding(engine).drain(NOW))
        assert on.execute("select count(*) from ledger_entry").fetchone() == (0,)
        assert on.execute("select count(*) from ledger_hour").fetchone() == (len(truth),)
    engine.dispose()

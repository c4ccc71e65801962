"""What runs really write reaches a receiver whole: it keeps what the register shows, whatever became of the records."""

from __future__ import annotations

from ipaddress import ip_network

import orjson
from standardwebhooks import Webhook

from register.audit import Actor
from register.deliveries import Deliveries
from register.models import ENTITIES
from register.webhooks import Maker, Wanted, create_webhook
from tests.fakes.jira import FakeJira
from tests.fakes.receiver import State
from tests.fix_engine import Engine
from tests.fix_webhooks import HERE, SEALER
from tests.sync.test_accounts import fill
from workers.deliver import Deliverer


async def test_a_receiver_keeps_what_syncs_make_of_a_tool(engine: Engine, cloud: FakeJira) -> None:
    issues = fill(cloud, 30)
    cloud.add_issue("PAY", "\u2028 ünïcode \N{PILE OF POO} <b>&amp;</b> \\u0000")
    await engine.add_jira(cloud)
    state = State("whsec_" + "A" * 44)
    async with state, Deliverer(Deliveries(engine.pool), sealer=SEALER, allowed=HERE) as deliverer:
        async with engine.pool.acquire() as connection, connection.transaction():
            _, secret = await create_webhook(
                connection,
                Wanted("bi", state.url),
                sealer=SEALER,
                allowed=[ip_network("127.0.0.1/32")],
                maker=Maker(Actor("x")),
            )
        state.secret = Webhook(secret)
        await engine.sync()
        await deliverer.deliver_due()
        for number, issue in enumerate(issues[::3]):
            cloud.edit(issue, summary=f"Renamed {number}")
        cloud.delete(issues[1])
        await engine.sync()
        await deliverer.deliver_due()
        await engine.sync(mode="full", approved=True)
        await deliverer.deliver_due()
    assert state.refused == 0
    shown = {}
    for entity in ENTITIES:
        for row in await engine.pool.fetch(f"SELECT row_to_json(t) FROM {entity} t"):
            found = orjson.loads(row[0])
            shown[entity, found["id"]] = found
    assert {place: row for place, (_, row) in state.rows.items()} == shown
    assert len(shown) > 30
    assert {row["presence"] for row in shown.values()} >= {"present", "deleted"}
    assert state.taken == await engine.count("event")

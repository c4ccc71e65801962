"""Events reach receivers, signed, with the row as it was; what fails is tried again by the schedule and in the end given up."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import orjson
import pytest
from standardwebhooks import Webhook

from register.audit import Actor
from register.deliveries import DISABLE_AFTER, JITTER, SCHEDULE, TAKEN_FOR, Deliveries, Taken
from register.keys import create_key, revoke_key
from register.replay import replay_failed, replay_one, replay_since, send_test
from register.sealing import Sealer, new_secret, written_secret
from register.webhook_lane import Lane
from register.webhooks import (
    Configured,
    Maker,
    Wanted,
    WebhookInvalid,
    change_webhook,
    create_webhook,
    delete_webhook,
    register_webhooks,
    rotate_secret,
)
from tests.fakes.receiver import HANG, Answer, Received, Receiver, State
from tests.fix_webhooks import CLOCK, HERE, SEALER, TESTS, Told

MARGIN = timedelta(seconds=1)


async def test_an_event_arrives_signed_with_the_row_as_that_version_had_it(told: Told) -> None:
    async with Receiver() as receiver, told.deliverer() as deliverer:
        hook, secret = await told.hook(receiver.url)
        row = await told.write("project", "PAY", title="Payments", budget=10)
        await told.write("project", "PAY", title="Payments 2")
        await deliverer.deliver_due()
        first, second = sorted(
            (call.verified(secret) for call in receiver.calls), key=lambda body: body["data"]["version"]
        )
        assert first["type"] == "project.created"
        assert datetime.fromisoformat(first["timestamp"]).tzinfo is not None
        data = first["data"]
        assert (data["entity"], data["id"], data["key"], data["version"]) == ("project", str(row), "PAY", 1)
        assert (data["row"]["title"], data["row"]["budget"]) == ("Payments", 10)  # not what it is now
        assert second["type"] == "project.changed"
        assert second["data"]["changed"] == {"title": ["Payments", "Payments 2"]}
        assert second["data"]["row"]["title"] == "Payments 2"
        headers = receiver.calls[0].headers
        assert headers["content-type"] == "application/json"
        assert headers["user-agent"].startswith("portbook/")
        assert {one["state"] for one in await told.delivered(hook)} == {"delivered"}
        (attempt, _) = await told.attempts(hook)
        assert (attempt["status"], attempt["error"], attempt["next_at"]) == (204, None, None)


async def test_a_webhook_is_told_of_its_types_alone_and_of_nothing_before_it_was_made(told: Told) -> None:
    async with Receiver() as receiver, told.deliverer() as deliverer:
        await told.write("project", "OLD")
        await told.hook(receiver.url, "project.created,risk.*")
        await told.write("project", "PAY", title="a")
        await told.write("project", "PAY", title="b")
        await told.write("risk", "R-1", title="a")
        await told.write("risk", "R-1", title="b")
        await told.write("issue", "I-1")
        await deliverer.deliver_due()
        types = sorted((body["type"], body["data"]["key"]) for body in receiver.bodies())
        assert types == [("project.created", "PAY"), ("risk.changed", "R-1"), ("risk.created", "R-1")]


async def test_a_filter_is_told_when_a_row_comes_when_it_changes_and_when_it_leaves(told: Told) -> None:
    async with Receiver() as receiver, told.deliverer() as deliverer:
        await told.hook(receiver.url, "project.*", filter="budget > 100")
        for budget in (50, 60, 200, 300, 20, 10):
            await told.write("project", "PAY", budget=budget)
        await told.write("project", "GONE", budget=500)
        await told.write("project", "GONE", presence="deleted")
        await told.write("project", "GONE", presence="archived")
        await deliverer.deliver_due()
        seen = sorted((b["data"]["key"], b["data"]["version"]) for b in receiver.bodies())
        assert seen == [("GONE", 1), ("GONE", 2), ("PAY", 3), ("PAY", 4), ("PAY", 5)]


async def test_a_filter_reaches_over_relations(told: Told) -> None:
    async with Receiver() as receiver, told.deliverer() as deliverer:
        erp = await told.write("programme", "ERP")
        await told.hook(receiver.url, "project.*", filter="programme.key = 'ERP' AND none(risks, score > 10)")
        inside = await told.write("project", "IN", programme_id=erp)
        await told.write("project", "OUT")
        await told.write(
            "risk", "R-1", project_id=await told.write("project", "RISKY", programme_id=erp), score=20
        )
        await told.write("project", "RISKY", title="now it has a risk")
        await deliverer.deliver_due()
        assert {b["data"]["id"] for b in receiver.bodies()} == {str(inside)}


async def test_only_the_fields_asked_for_are_sent_and_of_changes_too(told: Told) -> None:
    async with Receiver() as receiver, told.deliverer() as deliverer:
        await told.hook(receiver.url, "project.*", fields="key, name: title, manager {name}")
        person = await told.write("person", "ann", title="Ann")
        await told.write("project", "PAY", title="a", manager_id=person, description="secret")
        await told.write("project", "PAY", title="b", description="also secret")
        await deliverer.deliver_due()
        created, changed = sorted(receiver.bodies(), key=lambda body: body["data"]["version"])
        assert created["data"]["row"] == {"key": "PAY", "name": "a", "manager": {"name": "Ann"}}
        assert changed["data"]["changed"] == {"title": ["a", "b"]}


async def test_attempts_follow_the_schedule_and_end(told: Told) -> None:
    async with Receiver((500, {}, b"broken " * 1000)) as receiver, told.deliverer() as deliverer:
        hook, _ = await told.hook(receiver.url)
        await told.write("project", "PAY")
        await told.pool.execute("UPDATE webhook SET failing_since = NULL")
        for number, wait in enumerate((*SCHEDULE, None)):
            await deliverer.deliver_due()
            assert len(receiver.calls) == number + 1
            attempt = (await told.attempts(hook))[-1]
            assert (attempt["status"], attempt["error"]) == (500, "answered 500")
            assert len(attempt["answer"]) == 1_000
            if wait is None:
                assert attempt["next_at"] is None
                break
            exact = wait * (1 + JITTER / 2)
            assert attempt["next_at"] - await told.now() == exact
            await told.later(exact - MARGIN)
            await deliverer.deliver_due()
            assert len(receiver.calls) == number + 1  # not before its time
            await told.later(MARGIN)
            await told.pool.execute("UPDATE webhook SET failing_since = NULL")  # disabling is another test's
        assert [one["state"] for one in await told.delivered(hook)] == ["failed"]
        assert len({call.headers["webhook-id"] for call in receiver.calls}) == 1


def test_the_schedule_goes_from_five_seconds_to_a_day_and_outlasts_disabling() -> None:
    assert (SCHEDULE[0], max(SCHEDULE)) == (timedelta(seconds=5), timedelta(hours=24))
    assert list(SCHEDULE) == sorted(SCHEDULE)
    assert sum(SCHEDULE, timedelta()) > DISABLE_AFTER


@pytest.mark.parametrize(
    ("header", "least", "most"),
    [
        ("120", 120, 120),
        ("0", 5.5, 5.5),
        ("9999999", 86_400, 86_400),
        ("soon", 5.5, 5.5),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 5.5, 5.5),
        ("Wed, 21 Oct 99999999999999999999 07:28:00 GMT", 5.5, 5.5),
        ("in an hour", 3_590, 3_600),
    ],
)
async def test_retry_after_is_honoured_up_to_a_day(
    told: Told, header: str, least: float, most: float
) -> None:
    if header == "in an hour":
        header = f"{datetime.now(UTC) + timedelta(hours=1):%a, %d %b %Y %H:%M:%S} GMT"
    async with Receiver((503, {"Retry-After": header}, b"")) as receiver, told.deliverer() as deliverer:
        hook, _ = await told.hook(receiver.url)
        await told.write("project", "PAY")
        await deliverer.deliver_due()
        wait = (await told.attempts(hook))[0]["next_at"] - await told.now()
        assert least <= wait.total_seconds() <= most


async def test_410_disables_at_once_with_a_finding_and_an_event(told: Told) -> None:
    async with Receiver((410, {}, b"")) as gone, Receiver() as other, told.deliverer() as deliverer:
        hook, _ = await told.hook(gone.url, name="gone")
        await told.hook(other.url, "webhook.*")
        for number in range(20):
            await told.write("project", f"P{number}")
        await deliverer.deliver_due()
        assert len(gone.calls) <= 5
        state = await told.state(hook)
        assert not state["enabled"]
        assert "410" in state["disabled_reason"]
        assert await told.pool.fetchval(
            "SELECT message FROM finding WHERE code = 'WHK101' AND closed_at IS NULL"
        )
        await told.write("project", "MORE")
        await deliverer.deliver_due()
        (notice,) = other.bodies()
        assert (notice["type"], notice["data"]["key"]) == ("webhook.disabled", "gone")
        assert notice["data"]["changed"]["enabled"] == [True, False]
        assert len(gone.calls) <= 5


async def test_five_days_of_failure_disable_and_enabling_goes_on_where_it_stopped(told: Told) -> None:
    async with Receiver((500, {}, b"")) as receiver, told.deliverer() as deliverer:
        hook, _ = await told.hook(receiver.url, "project.*")
        await told.write("project", "PAY")
        for _ in range(len(SCHEDULE)):
            await deliverer.deliver_due()
            await told.later(timedelta(hours=30))
            if not (await told.state(hook))["enabled"]:
                break
        assert (await told.state(hook))["disabled_reason"].startswith("it failed for 5 days")
        await told.write("project", "MEANWHILE")
        receiver.answer = (200, {}, b"ok")
        receiver.calls.clear()
        await deliverer.deliver_due()
        assert receiver.calls == []
        async with told.pool.acquire() as connection, connection.transaction():
            await change_webhook(connection, hook, {"enabled": True}, allowed=HERE, maker=TESTS)
        await told.later(timedelta(hours=30))
        await deliverer.deliver_due()
        assert sorted(body["data"]["key"] for body in receiver.bodies()) == ["MEANWHILE", "PAY"]
        assert await told.pool.fetchval("SELECT count(*) FROM finding WHERE closed_at IS NULL") == 0


async def test_a_redirect_is_a_failure_and_nobody_follows_it(told: Told) -> None:
    async with Receiver() as inside, told.deliverer() as deliverer:
        async with Receiver((302, {"Location": inside.url}, b"")) as receiver:
            hook, _ = await told.hook(receiver.url)
            await told.write("project", "PAY")
            await deliverer.deliver_due()
            assert (await told.attempts(hook))[0]["error"] == "answered 302: redirects are not followed"
        assert inside.calls == []


async def test_a_forbidden_address_is_an_attempt_that_failed(told: Told) -> None:
    async def elsewhere(host: str, port: int) -> list[str]:
        return ["169.254.169.254"]

    async with told.deliverer(resolve=elsewhere) as deliverer:
        hook, _ = await told.hook("https://hooks.example/x")
        await told.write("project", "PAY")
        await deliverer.deliver_due()
        (attempt,) = await told.attempts(hook)
        assert attempt["status"] is None
        assert "169.254.169.254" in attempt["error"]


async def test_a_receiver_that_hangs_is_left_after_its_time_and_delays_nobody(told: Told) -> None:
    async with Receiver(HANG) as hanging, Receiver() as good, told.deliverer(timeout_s=0.3) as deliverer:
        slow, _ = await told.hook(hanging.url)
        quick, _ = await told.hook(good.url)
        for number in range(30):
            await told.write("project", f"P{number}")
        await deliverer.deliver_due()
        assert len(hanging.calls) <= 5
        assert (await told.state(slow))["rests_until"] > await told.now()
        for _ in range(20):  # on a busy machine the good one may take as long now and then
            if {one["state"] for one in await told.delivered(quick)} == {"delivered"}:
                break
            await told.later(timedelta(seconds=10))
            await deliverer.deliver_due()
        assert {call.body for call in good.calls} >= {call.body for call in hanging.calls}
        assert {one["state"] for one in await told.delivered(quick)} == {"delivered"}
        assert {one["error"] for one in await told.attempts(slow)} == {"no answer within 0.3 s"}


async def test_a_receiver_that_fails_is_tried_one_at_a_time_until_it_is_well(told: Told) -> None:
    async with Receiver((500, {}, b"")) as receiver, told.deliverer() as deliverer:
        hook, _ = await told.hook(receiver.url)
        for number in range(30):
            await told.write("project", f"P{number}")
        await deliverer.deliver_due()
        tried = len(receiver.calls)
        assert tried <= 5
        await told.later((await told.state(hook))["rests_until"] - await told.now())
        await deliverer.deliver_due()
        assert len(receiver.calls) == tried + 1
        receiver.answer = (204, {}, b"")
        await told.later(timedelta(minutes=10))
        await deliverer.deliver_due()
        assert {one["state"] for one in await told.delivered(hook)} == {"delivered"}
        assert (await told.state(hook))["failures"] == 0


async def test_one_event_that_a_receiver_refuses_does_not_hold_up_the_others(told: Told) -> None:
    def answer(call: Received) -> Answer:
        return 400 if b'"BAD"' in call.body else 204, {}, b""

    async with Receiver(answer) as receiver, told.deliverer() as deliverer:
        hook, _ = await told.hook(receiver.url)
        for key in ("A", "BAD", *"CDEFGHIJ"):
            await told.write("project", key)
        await deliverer.deliver_due()
        states = [one["state"] for one in await told.delivered(hook)]
        assert states.count("delivered") == 9
        assert states[1] == "pending"


async def test_what_a_killed_worker_had_in_hand_comes_back(told: Told) -> None:
    async with Receiver() as receiver, told.deliverer() as deliverer:
        hook, _ = await told.hook(receiver.url)
        await told.write("project", "PAY")
        await told.deliveries.spread()
        assert len(await told.deliveries.take(hook, 10)) == 1
        await deliverer.deliver_due()
        assert receiver.calls == []
        await told.later(TAKEN_FOR)
        await deliverer.deliver_due()
        assert len(receiver.calls) == 1


async def test_two_workers_at_once_tell_nothing_twice(told: Told) -> None:
    async with Receiver() as receiver, told.deliverer() as one, told.deliverer() as other:
        await told.hook(receiver.url)
        for number in range(100):
            await told.write("project", f"P{number}")
        await asyncio.gather(one.deliver_due(), other.deliver_due())
        await one.deliver_due()
        assert len(receiver.calls) == 100
        assert len({call.headers["webhook-id"] for call in receiver.calls}) == 100


async def test_what_was_taken_up_and_takes_too_long_is_given_back_in_time(told: Told) -> None:
    """A worker beside this one would take it up meanwhile, and tell it as well."""
    given_back = []

    class Watched(Deliveries):
        async def give_back(self, taken: Sequence[Taken]) -> None:
            given_back.append(len(taken))
            await super().give_back(taken)

    def answer(call: Received) -> Answer:
        clock.append(clock[-1] + (TAKEN_FOR.total_seconds() if len(receiver.calls) == 8 else 0))
        return 204, {}, b""

    clock = [0.0]
    told.deliveries = Watched(told.pool, clock=CLOCK)
    async with Receiver(answer) as receiver, told.deliverer(clock=lambda: clock[-1]) as deliverer:
        hook, _ = await told.hook(receiver.url)
        for number in range(30):
            await told.write("project", f"P{number}")
        await deliverer.deliver_due()
        assert given_back[0] > 15
        assert {one["state"] for one in await told.delivered(hook)} == {"delivered"}
        assert len(receiver.calls) == 30


async def test_what_takes_long_to_put_together_is_told_all_the_same(told: Told) -> None:
    class Slow(Deliveries):
        async def bodies(self, lane: Lane, taken: Sequence[Taken]) -> dict[int, bytes]:
            clock.append(clock[-1] + TAKEN_FOR.total_seconds())
            return await super().bodies(lane, taken)

    clock = [0.0]
    told.deliveries = Slow(told.pool, clock=CLOCK)
    async with Receiver() as receiver, told.deliverer(clock=lambda: clock[-1]) as deliverer:
        hook, _ = await told.hook(receiver.url)
        for number in range(6):
            await told.write("project", f"P{number}")
        async with asyncio.timeout(10):
            await deliverer.deliver_due()
        assert {one["state"] for one in await told.delivered(hook)} == {"delivered"}
        assert len(receiver.calls) == 6


async def test_a_slow_writer_is_not_overtaken(told: Told) -> None:
    async with Receiver() as receiver, told.deliverer() as deliverer:
        await told.hook(receiver.url)
        async with told.pool.acquire() as connection:
            slow = connection.transaction()
            await slow.start()
            await connection.execute(
                "INSERT INTO event (type, entity, entity_id, version) VALUES ('disabled', 'webhook', gen_random_uuid(), 1)"
            )
            await told.write("project", "QUICK")
            await deliverer.deliver_due()
            assert receiver.calls == []
            await slow.commit()
        await deliverer.deliver_due()
        assert [body["data"]["key"] for body in receiver.bodies()] == ["QUICK"]


async def test_after_a_rotation_both_secrets_verify_and_later_the_new_one_alone(told: Told) -> None:
    async with Receiver() as receiver, told.deliverer() as deliverer:
        hook, old = await told.hook(receiver.url)
        async with told.pool.acquire() as connection, connection.transaction():
            new = await rotate_secret(connection, hook, sealer=SEALER, maker=TESTS)
        await told.write("project", "PAY")
        await deliverer.deliver_due()
        for secret in (old, new):
            assert receiver.calls[0].verified(secret)
        await told.later(timedelta(hours=25))
        await told.write("project", "MORE")
        await deliverer.deliver_due()
        assert receiver.calls[1].verified(new)
        with pytest.raises(Exception, match="No matching signature"):
            receiver.calls[1].verified(old)


async def test_no_secret_is_in_the_database_or_in_what_is_told_of_webhooks(told: Told) -> None:
    hook, secret = await told.hook("https://hooks.example/x")
    raw = Webhook(secret)._whsecret
    async with told.pool.acquire() as connection:
        await rotate_secret(connection, hook, sealer=SEALER, maker=TESTS)
        row = await connection.fetchrow("SELECT * FROM webhook")
        assert row["secret"]
        assert raw not in row["old_secret"]
        written = [
            *await connection.fetch("SELECT detail FROM audit"),
            *await connection.fetch("SELECT to_jsonb(w) FROM webhook w"),
        ]
        assert secret.removeprefix("whsec_") not in str(written)
        assert raw.hex() not in str(written)


async def test_a_worker_without_the_key_says_so_in_the_attempt(told: Told) -> None:
    async with Receiver() as receiver, told.deliverer(sealer=Sealer(b"another")) as deliverer:
        hook, _ = await told.hook(receiver.url)
        await told.write("project", "PAY")
        await deliverer.deliver_due()
        assert receiver.calls == []
        assert "sealed with another key" in (await told.attempts(hook))[0]["error"]


async def test_a_webhook_of_the_configuration_signs_with_its_secrets_there(told: Told) -> None:
    async with Receiver() as receiver, told.deliverer() as deliverer:
        secret = new_secret()
        each = Configured(Wanted("bi", receiver.url, ("project.*",)), "portbook.yaml:9")
        told.secrets[each.id] = lambda: [secret]
        await register_webhooks(told.pool, [each])
        await told.write("project", "PAY")
        await deliverer.deliver_due()
        assert receiver.calls[0].verified(written_secret(secret))
        before = await told.state(each.id)
        await register_webhooks(told.pool, [each])
        assert await told.state(each.id) == before
        await register_webhooks(told.pool, [])
        await told.write("project", "LATER")
        await deliverer.deliver_due()
        assert len(receiver.calls) == 1
        actions = [r[0] for r in await told.pool.fetch("SELECT action FROM audit ORDER BY seq")]
        assert actions == ["webhook created", "webhook deleted"]


async def test_a_name_is_the_configurations_or_somebody_elses(told: Told) -> None:
    hook, _ = await told.hook("https://hooks.example/x", name="bi")
    each = Configured(Wanted("bi", "https://hooks.example/x"), "portbook.yaml:9")
    with pytest.raises(WebhookInvalid, match="already, made through the API"):
        await register_webhooks(told.pool, [each])
    async with told.pool.acquire() as connection, connection.transaction():
        await delete_webhook(connection, hook, maker=TESTS)
    await register_webhooks(told.pool, [each])
    async with told.pool.acquire() as connection, connection.transaction():
        with pytest.raises(WebhookInvalid, match="written in the configuration"):
            await change_webhook(connection, "bi", {"types": ["project.*"]}, allowed=HERE, maker=TESTS)
        await change_webhook(connection, "bi", {"enabled": False}, allowed=HERE, maker=TESTS)
    await register_webhooks(told.pool, [each])
    assert not (await told.state(each.id))["enabled"]  # who disabled it had a reason
    await register_webhooks(told.pool, [])
    await register_webhooks(told.pool, [each])
    assert (await told.state(each.id))["deleted_at"] is None


async def test_failed_ones_can_be_told_anew_and_one_and_all_since_the_beginning(told: Told) -> None:
    async with Receiver() as receiver, told.deliverer() as deliverer:
        await told.write("project", "BEFORE")
        hook, _ = await told.hook(receiver.url, "project.*")
        await told.write("project", "PAY")
        await deliverer.deliver_due()
        (delivery,) = await told.delivered(hook)
        async with told.pool.acquire() as connection:
            assert await replay_failed(connection, hook, TESTS) == 0
            await replay_one(connection, hook, delivery["id"], TESTS)
        await told.later(timedelta(hours=1))
        await deliverer.deliver_due()
        assert receiver.calls[0].headers["webhook-id"] == receiver.calls[1].headers["webhook-id"]
        await told.pool.execute("UPDATE delivery SET state = 'failed'")
        async with told.pool.acquire() as connection:
            assert await replay_failed(connection, hook, TESTS) == 1
            await replay_since(connection, hook, None, TESTS)
            await send_test(connection, hook, TESTS)
        await told.later(timedelta(hours=1))
        await deliverer.deliver_due()
        last = sorted((body["type"], body["data"]["key"]) for body in receiver.bodies()[2:])
        assert ("project.created", "BEFORE") in last
        assert ("project.created", "PAY") in last
        assert any(kind == "webhook.test" for kind, _ in last)


async def test_a_key_that_was_withdrawn_is_told_nothing_more(told: Told) -> None:
    async with Receiver() as receiver, told.deliverer() as deliverer:
        await create_key(told.pool, "partner")
        key_id = await told.pool.fetchval("SELECT id FROM api_key")
        async with told.pool.acquire() as connection, connection.transaction():
            hook, _ = await create_webhook(
                connection,
                Wanted("theirs", receiver.url),
                sealer=SEALER,
                allowed=HERE,
                maker=Maker(Actor("partner"), key_id),
            )
        await revoke_key(told.pool, "partner")
        await told.write("project", "PAY")
        await deliverer.deliver_due()
        assert receiver.calls == []
        assert "withdrawn" in (await told.state(hook))["disabled_reason"]


async def test_what_waits_for_a_webhook_is_not_told_once_its_key_was_withdrawn(told: Told) -> None:
    async with Receiver((500, {}, b"")) as receiver, told.deliverer() as deliverer:
        await create_key(told.pool, "partner")
        theirs = Maker(Actor("partner"), await told.pool.fetchval("SELECT id FROM api_key"))
        wanted = Wanted("theirs", receiver.url)
        async with told.pool.acquire() as connection, connection.transaction():
            hook, _ = await create_webhook(connection, wanted, sealer=SEALER, allowed=HERE, maker=theirs)
        await told.write("project", "PAY")
        await deliverer.deliver_due()
        assert len(receiver.calls) == 1
        await revoke_key(told.pool, "partner")
        await told.later(timedelta(minutes=1))
        await deliverer.deliver_due()
        assert len(receiver.calls) == 1
        assert "withdrawn" in (await told.state(hook))["disabled_reason"]


async def test_who_enables_a_webhook_takes_it_over_only_where_its_key_has_ended(told: Told) -> None:
    await create_key(told.pool, "partner")
    key_id = await told.pool.fetchval("SELECT id FROM api_key")
    theirs = Maker(Actor("partner"), key_id)
    wanted = Wanted("theirs", "https://hooks.example/x")
    async with told.pool.acquire() as connection, connection.transaction():
        hook, _ = await create_webhook(connection, wanted, sealer=SEALER, allowed=HERE, maker=theirs)

    async def on_and_off() -> None:
        for enabled in (False, True):
            async with told.pool.acquire() as connection, connection.transaction():
                await change_webhook(connection, hook, {"enabled": enabled}, allowed=HERE, maker=TESTS)

    await on_and_off()
    assert (await told.state(hook))["key_id"] == key_id
    await revoke_key(told.pool, "partner")
    await on_and_off()
    assert (await told.state(hook))["key_id"] is None


async def test_fields_that_are_no_longer_known_are_an_attempt_that_failed(told: Told) -> None:
    async with Receiver() as receiver, told.deliverer() as deliverer:
        hook, _ = await told.hook(receiver.url, "project.*")
        await told.write("project", "PAY")
        await told.deliveries.spread()
        await told.pool.execute("UPDATE webhook SET fields = 'no_such_field'")
        await deliverer.deliver_due()
        assert receiver.calls == []
        assert "no_such_field" in (await told.attempts(hook))[0]["error"]
        await told.write("project", "MORE")
        await deliverer.deliver_due()
        assert "no_such_field" in (await told.state(hook))["disabled_reason"]


async def test_a_message_that_would_be_too_large_is_an_attempt_that_failed(told: Told) -> None:
    """A hundred are held at a time for each receiver; what lies below a row, below that and so on can be millions."""
    async with Receiver() as receiver, told.deliverer() as deliverer:
        hook, _ = await told.hook(receiver.url, "project.*", fields="key,work_items(limit:200){title}")
        project = await told.write("project", "LARGE")
        await told.write("project", "SMALL")
        for number in range(60):
            await told.write("work_item", f"W{number}", project_id=project, title="x" * 100_000)
        await deliverer.deliver_due()
        assert [body["data"]["key"] for body in receiver.bodies()] == ["SMALL"]
        (failed,) = [one for one in await told.attempts(hook) if one["error"]]
        assert "more than 4 MiB" in failed["error"]
        assert [one["state"] for one in await told.delivered(hook)] == ["pending", "delivered"]


async def test_a_message_that_takes_the_database_too_long_is_an_attempt_that_failed(told: Told) -> None:
    told.deliveries = Deliveries(told.pool, clock=CLOCK, message_timeout_ms=1)
    async with Receiver() as receiver, told.deliverer() as deliverer:
        hook, _ = await told.hook(receiver.url, "project.*", fields="key,work_items(limit:200){title}")
        project = await told.write("project", "LARGE")
        for number in range(100):
            await told.write("work_item", f"W{number}", project_id=project, title="x" * 50_000)
        await deliverer.deliver_due()
        assert receiver.calls == []
        (attempt,) = await told.attempts(hook)
        assert attempt["error"].startswith("the database takes longer than 0.001 s")


async def test_a_webhook_that_asks_for_less_drops_what_was_waiting(told: Told) -> None:
    async with Receiver() as receiver, told.deliverer() as deliverer:
        hook, _ = await told.hook(receiver.url, "*")
        await told.write("project", "PAY")
        await told.write("risk", "R-1")
        await told.deliveries.spread()
        await told.pool.execute("UPDATE webhook SET types = '{project.*}', fields = 'budget'")
        await deliverer.deliver_due()
        assert [body["type"] for body in receiver.bodies()] == ["project.created"]
        assert sorted(one["state"] for one in await told.delivered(hook)) == ["delivered", "failed"]
        assert (await told.state(hook))["failures"] == 0


async def test_what_has_ended_is_forgotten_after_a_while(told: Told) -> None:
    async with Receiver() as receiver, told.deliverer() as deliverer:
        hook, _ = await told.hook(receiver.url)
        await told.write("project", "PAY")
        await deliverer.deliver_due()
        assert await told.deliveries.prune() == 0
        await told.later(timedelta(days=31))
        assert await told.deliveries.prune() == 1
        assert (await told.delivered(hook), await told.pool.fetchval("SELECT count(*) FROM attempt")) == (
            [],
            0,
        )


async def test_a_maker_with_a_row_scope_is_told_of_those_rows_and_that_they_leave(told: Told) -> None:
    async with Receiver() as receiver, told.deliverer() as deliverer:
        erp = await told.write("programme", "ERP")
        other = await told.write("programme", "CRM")
        mine = await told.write("project", "MINE", programme_id=erp)
        theirs = await told.write("project", "THEIRS", programme_id=other)
        await create_key(told.pool, "partner", rows={"programmes": ["ERP"]})
        key_id = await told.pool.fetchval("SELECT id FROM api_key")
        async with told.pool.acquire() as connection, connection.transaction():
            await create_webhook(
                connection,
                Wanted("theirs", receiver.url),
                sealer=SEALER,
                allowed=HERE,
                maker=Maker(Actor("partner"), key_id),
            )
        await told.write("project", "MINE", title="seen")
        await told.write("project", "THEIRS", title="hidden")
        await told.write("risk", "R-1", project_id=mine, title="seen")
        await told.write("risk", "R-2", project_id=theirs, title="hidden")
        await deliverer.deliver_due()
        await told.write("project", "MINE", programme_id=other, title="hidden")
        await told.write("project", "THEIRS", programme_id=erp, title="seen")
        await deliverer.deliver_due()
        found = {(b["type"], b["data"]["id"]): b["data"] for b in receiver.bodies()}
        assert {kind for kind, _ in found} == {
            "project.changed", "project.out_of_scope", "project.created", "risk.created",
        }  # fmt: skip
        assert "hidden" not in str(receiver.bodies())
        left = found["project.out_of_scope", str(mine)]
        assert (left["row"], left["changed"], left["key"]) == (None, {}, None)
        assert found["project.created", str(theirs)]["row"]["title"] == "seen"


async def test_a_receiver_rebuilds_the_register_however_the_order_and_repeats(told: Told) -> None:
    state = State("whsec_" + "A" * 44)
    async with state, told.deliverer() as deliverer:
        _, secret = await told.hook(state.url)
        state.secret = Webhook(secret)
        for number in range(60):
            await told.write(
                "project",
                f"P{number % 7}",
                title=str(number),
                finish_planned_on=date(2026, 1, 1 + number % 28),
            )
            await told.write(
                "risk", f"R{number % 5}", score=number, presence="deleted" if number % 11 == 3 else "present"
            )
        await deliverer.deliver_due()
        assert state.refused == 0
        for entity in ("project", "risk"):
            rows = await told.pool.fetch(f"SELECT row_to_json(t) FROM {entity} t")
            register = {row["id"]: row for row in (orjson.loads(r[0]) for r in rows)}
            assert {k[1]: v[1] for k, v in state.rows.items() if k[0] == entity} == register

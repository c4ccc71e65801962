"""Receivers that answer as no server should: each is an attempt that failed, in its time, and costs nobody memory."""

from __future__ import annotations

import asyncio
import datetime
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.fakes.receiver import Receiver
from tests.fix_webhooks import Told

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Hangs up at once."""


async def garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")


async def endless_head(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"x-more: " + b"x" * 8_000 + b"\r\n")
        await writer.drain()


async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
    while True:
        writer.write(b".")
        await asyncio.sleep(0.02)


async def short(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nbut no more")


async def switching(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n")


async def nul(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 500 \xff\x00\r\ncontent-length: 6\r\n\r\n\x00\xff\xfe\x00ab")


async def nul_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 500 no\r\ncontent-length: 6\r\n\r\n\x00\xff\xfe\x00ab")


@asynccontextmanager
async def talking(talk: Talk) -> AsyncIterator[str]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.CancelledError):
            await reader.readuntil(b"\r\n\r\n")
            await talk(reader, writer)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/x"
    finally:
        server.close()


@pytest.mark.parametrize("talk", [nothing, garbage, endless_head, drip, short, switching, nul, nul_body])
async def test_a_hostile_answer_is_an_attempt_that_failed_and_no_more(told: Told, talk: Talk) -> None:
    async with talking(talk) as url, Receiver() as good, told.deliverer(timeout_s=0.5) as deliverer:
        hook, _ = await told.hook(url)
        await told.hook(good.url)
        await told.write("project", "PAY")
        await deliverer.deliver_due()
        (attempt,) = await told.attempts(hook)
        assert attempt["error"]
        assert len(attempt["answer"] or "") <= 1_000
        assert [one["state"] for one in await told.delivered(hook)] == ["pending"]
        assert len(good.calls) == 1


async def test_a_long_answer_that_says_yes_is_a_yes_and_is_not_read_to_its_end(told: Told) -> None:
    async def long(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100000000\r\n\r\n")
        while True:
            writer.write(b"y" * 65_536)
            await writer.drain()

    async with talking(long) as url, told.deliverer() as deliverer:
        hook, _ = await told.hook(url)
        await told.write("project", "PAY")
        await deliverer.deliver_due()
        (attempt,) = await told.attempts(hook)
        assert (attempt["error"], attempt["answer"]) == (None, "y" * 1_000)


def certificate(folder: Path, name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """(the receiver's side of TLS for this name, the side of who trusts it)."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject).issuer_name(subject).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    pem = folder / "receiver.pem"
    plain = serialization.NoEncryption()
    pem.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
        + made.public_bytes(serialization.Encoding.PEM)
    )
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    theirs.load_cert_chain(pem)
    return theirs, ssl.create_default_context(cafile=str(pem))


async def test_tls_asks_for_the_name_though_the_connection_goes_to_the_address(
    told: Told, tmp_path: Path
) -> None:
    theirs, ours = certificate(tmp_path, "hooks.example")
    asked: list[str | None] = []
    theirs.sni_callback = lambda _, name, __: asked.append(name)

    async def here(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    async with Receiver(tls=theirs) as receiver, told.deliverer(tls=ours, resolve=here) as deliverer:
        good, _ = await told.hook(f"https://hooks.example:{receiver.port}/x", name="good")
        other, _ = await told.hook(f"https://other.example:{receiver.port}/x", name="other")
        await told.write("project", "PAY")
        await deliverer.deliver_due()
        assert sorted(map(str, asked)) == ["hooks.example", "other.example"]
        assert [call.headers["host"] for call in receiver.calls] == [f"hooks.example:{receiver.port}"]
        assert [one["state"] for one in await told.delivered(good)] == ["delivered"]
        assert "certificate" in (await told.attempts(other))[0]["error"]

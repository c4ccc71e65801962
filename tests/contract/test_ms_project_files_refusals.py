"""Files that are no plans, or that somebody broke: refused with a plain sentence, and never taken for a deletion."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from adapters.errors import FileRefused, SourceError
from adapters.ms_project import MsProjectAdapter, mpp
from tests.contract.plans import adapter, read
from tests.fakes.mspdi import Plan, large

OLE = bytes.fromhex("D0CF11E0A1B11AE1")


def good() -> bytes:
    plan = Plan("Harbour")
    plan.add_task("Dig")
    return plan.xml().encode()


BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol2 "&lol;&lol;&lol;">]>'
    b'<Project xmlns="http://schemas.microsoft.com/project"><Title>&lol2;</Title></Project>'
)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "passed over a.xml: empty (0 bytes)"),
        (b"   \n", "a.xml is not Project XML"),
        (b"just text", "a.xml is"),
        (b"PK\x03\x04 a workbook", "a.xml is"),
        (b"<html><body>Please log in</body></html>", "a.xml is XML but not Project XML: it begins with <html>"),
        (b'<Project xmlns="http://www.primavera.com/p6"/>', "a.xml is XML but not Project XML"),
        (b"<APIBusinessObjects/>", "a.xml is XML but not Project XML: it begins with <APIBusinessObjects>"),
        (BOMB, "a.xml holds a document type, which Project never writes"),
        (b" " * 70_000 + b"<!DOCTYPE a>" + good(), "a.xml holds a document type"),
        (BOMB.decode().encode("utf-16"), "a.xml holds a document type"),
        (good()[: len(good()) // 2], "a.xml is cut off: its XML ends too early"),
        (good().replace(b"</Project>", b""), "a.xml is cut off"),
        (good().replace(b"<Tasks>", b"<Tasks"), "a.xml is damaged: it is not well-formed XML"),
        (good().replace(b"<Name>Dig</Name>", b"<Name>\xff\xfe</Name>"), "a.xml is damaged"),
        (b"<Project>" + b"<a>" * 5000 + b"</a>" * 5000 + b"</Project>", "a.xml is damaged"),
        (good().replace(b"Dig", b"x" * 11_000_000), "a.xml is damaged"),
    ],
    ids=range(16),
)  # fmt: skip
async def test_a_file_that_is_no_plan_is_refused_in_plain_words(
    tmp_path: Path, content: bytes, said: str
) -> None:
    (tmp_path / "a.xml").write_bytes(content)
    with pytest.raises(FileRefused) as caught:
        await read(tmp_path, files="*.xml")
    assert said in f"{caught.value.message}; {caught.value.detail}"
    assert caught.value.hint
    assert "Traceback" not in str(caught.value)


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ({"records": 50}, "large.xml has more than the 50 records that a plan may have"),
        ({"file_mb": 1}, "large.xml is too large"),
        ({"memory_mb": 128}, "large.xml"),
    ],
)
async def test_limits_hold_while_a_plan_is_read(tmp_path: Path, limits: dict[str, int], said: str) -> None:
    plan = large(1000)
    if "memory_mb" in limits:
        next(iter(plan.tasks.values())).fields = {str(n): "x" * 1000 for n in range(120_000)}
    plan.save(tmp_path / "large.xml")
    if "file_mb" in limits:
        with (tmp_path / "large.xml").open("a") as file:
            file.write(" " * (1 << 20))
    with pytest.raises(SourceError) as caught:
        await read(tmp_path, limits=limits)
    assert said in caught.value.message
    assert "limits" in caught.value.hint


async def test_a_binary_plan_needs_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.mpp").write_bytes(OLE + bytes(2000))
    monkeypatch.setattr(mpp, "_jars", lambda: None)
    with pytest.raises(FileRefused) as caught:
        await read(tmp_path)
    assert (
        caught.value.message
        == "a.mpp is a binary plan (.mpp), and the extra that reads these is not installed"
    )
    assert "Save As" in caught.value.hint


async def test_a_binary_plan_needs_java(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "named.xml").write_bytes(OLE + bytes(2000))  # told by its content
    monkeypatch.setattr(mpp, "_jars", lambda: "jars/*")
    monkeypatch.setattr(mpp, "_java", lambda: None)
    with pytest.raises(FileRefused) as caught:
        await read(tmp_path)
    assert "there is no Java runtime" in caught.value.message
    assert "JAVA_HOME" in caught.value.hint


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo 'org.mpxj.MPXJException: File is password protected' >&2; exit 1", "is protected by a password"),
        ("echo 'Exception in thread \"main\" java.lang.OutOfMemoryError: Java heap space'; exit 1", "MiB of memory"),
        ("echo 'Exception in thread \"main\" org.mpxj.MPXJException: Invalid file'; exit 1", "cannot be read as a Microsoft"),
        ("exit 0", "cannot be read as a Microsoft"),
        ("exec sleep 60", "was not read within 1 seconds"),
    ],
)  # fmt: skip
async def test_what_java_says_becomes_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, said: str
) -> None:
    java = tmp_path / "java"
    java.write_text(f"#!/bin/sh\n{script}\n")
    java.chmod(0o755)
    (tmp_path / "a.mpp").write_bytes(OLE + bytes(2000))
    monkeypatch.setattr(mpp, "_jars", lambda: "jars/*")
    monkeypatch.setattr(mpp, "_java", lambda: str(java))
    with pytest.raises(FileRefused) as caught:
        await read(tmp_path, files="*.mpp", limits={"wall_s": 1 if "sleep" in script else 60})
    assert said in caught.value.message


async def test_what_java_converted_is_read_like_any_plan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = Plan("Harbour")
    plan.add_task("Dig")
    plan.save(tmp_path / "converted")
    java = tmp_path / "java"
    java.write_text(f'#!/bin/sh\nfor last; do :; done\ncp {tmp_path}/converted "$last"\n')
    java.chmod(0o755)
    (tmp_path / "a.mpp").write_bytes(OLE + bytes(2000))
    monkeypatch.setattr(mpp, "_jars", lambda: "jars/*")
    monkeypatch.setattr(mpp, "_java", lambda: str(java))
    found = await read(tmp_path, files="*.mpp")
    assert [record.data["Name"] for record in found["mspdi_task"].values()] == ["Dig"]


@pytest.mark.parametrize("name", ["a.mpt", "a.mpx", "a.xlsx", "~$a.xml", ".a.xml"])
async def test_files_of_other_kinds_are_passed_over(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(good())
    with pytest.raises(FileRefused) as caught:
        async with adapter(tmp_path) as opened:
            await opened.check()
    assert caught.value.message == "No file matches '*'"


async def test_one_broken_plan_is_told_and_the_others_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_bytes(good())
    (tmp_path / "b.xml").write_bytes(good()[:-200])
    opened: MsProjectAdapter
    async with adapter(tmp_path) as opened:
        identity = await opened.check()
        assert identity.warnings == ("not read: b.xml is cut off: its XML ends too early",)
        plan, broken = await opened.partitions()
        assert plan.first
        assert [page async for page in opened.read(plan, None, full=True)]
        with pytest.raises(FileRefused, match="cut off"):
            async for _ in opened.read(broken, None, full=True):
                pass


async def test_the_options_of_another_interface_are_refused() -> None:
    from adapters.ms_project import MsProjectOptions

    cases: list[tuple[dict[str, Any], str]] = [
        ({"api": "files"}, "`files` is missing, which api files needs"),
        ({"api": "files", "files": ["a.xml"], "url": "https://a.example"}, "is no option of api files"),
        (
            {"api": "project_data", "url": "https://a.example/pwa"},
            "`auth` is missing, which api project_data needs",
        ),
        ({"api": "dataverse", "links": True}, "is no option of api dataverse, only of project_data"),
        ({"api": "files", "files": "a.xml", "timezone": "Mars"}, "must be a time zone such as"),
    ]
    for given, said in cases:
        with pytest.raises(ValueError, match="validation error") as caught:
            MsProjectOptions.model_validate(given)
        assert said in str(caught.value)


async def test_a_plan_damaged_inside_is_told_when_the_others_have_been_read(tmp_path: Path) -> None:
    large(1000).save(tmp_path / "a.xml")
    (tmp_path / "b.xml").write_bytes(good().replace(b"</Tasks>", b"</Task>"))
    async with adapter(tmp_path) as opened:
        sound, damaged = await opened.partitions()
        reading = opened.read(sound, None, full=True)
        count = len((await anext(reading)).records)
        broken = asyncio.create_task(anext(opened.read(damaged, None, full=True)))
        done, _ = await asyncio.wait({broken}, timeout=1)
        assert not done
        async for page in reading:
            count += len(page.records)
        with pytest.raises(FileRefused, match=r"b\.xml is damaged"):
            await broken
    assert count == 1000 + 800 + 20 + 50 + 2


async def test_the_right_kind_of_sign_in_is_chosen() -> None:
    from adapters.entra import EntraSignIn
    from adapters.entra_options import EntraSecret
    from adapters.ms_project.options import Bearer, credentials
    from adapters.sign_in import SignIn

    bearer = Bearer.model_validate({"kind": "bearer", "token": "t"})
    assert isinstance(credentials(bearer, "https://a.example/pwa"), SignIn)
    entra = EntraSecret.model_validate(
        {"kind": "entra_secret", "tenant": "acme.example", "client_id": "x", "client_secret": "s"}
    )
    assert isinstance(credentials(entra, "https://acme.crm4.dynamics.com"), EntraSignIn)

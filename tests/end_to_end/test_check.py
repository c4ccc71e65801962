"""`portbook check` finds what the configuration names in the register and the register does not have."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from orjson import dumps

from adapters.base import Identity
from adapters.spreadsheet import SpreadsheetAdapter
from portbook.cli import app
from register.audit import Actor
from register.db import Pool
from register.keys import create_key, revoke_key
from register.webhooks import Maker, Wanted, create_webhook
from tests.fakes.issuer import CLIENT_ID, FakeIssuer
from tests.fix_gateway import execute, insert, with_pool
from tests.fix_postgres import run_apart
from tests.fix_webhooks import SEALER

EXTERNAL = "{database: {env: DATABASE_URL}, redis: {env: REDIS_URL}}"


@pytest.fixture(scope="module")
def issuer() -> Iterator[FakeIssuer]:
    with FakeIssuer() as running:
        yield running


@pytest.fixture
def check(
    register_url: str, redis_url: str, issuer: FakeIssuer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Check:  # fmt: skip
    monkeypatch.setenv("DATABASE_URL", register_url)
    monkeypatch.setenv("REDIS_URL", redis_url)
    return Check(tmp_path / "portbook.yaml", issuer.issuer, capfd)


class Check:
    def __init__(self, config: Path, issuer: str, capfd: pytest.CaptureFixture[str]) -> None:
        self.config, self._issuer, self._capfd = config, issuer, capfd

    def __call__(self, grants: str, *, register: str = EXTERNAL, more: str = "") -> tuple[int, str, str]:
        """(exit code, output, errors), in one line each."""
        self.config.write_text(
            f"register: {register}\n{more}sign_in:\n  - issuer: {self._issuer}\n    audience: [{CLIENT_ID}]\n"
            f"    grants:\n      - {{claim: roles, value: x, {grants}}}\n"
        )
        code = app(["--config", str(self.config), "check"], standalone_mode=False)
        shown = self._capfd.readouterr()
        return code, " ".join(shown.out.split()), " ".join(shown.err.split())


def test_a_row_that_a_grant_names_and_the_register_does_not_have_is_found_with_its_place(
    check: Check, register_url: str
) -> None:
    rows = [
        {"id": UUID(int=n), "key": key, "title": key} for n, key in enumerate(("PAY", "WEB", "TWO", "TWO"))
    ]
    insert(register_url, "project", rows)
    insert(register_url, "programme", [{"id": UUID(int=9), "key": "ERP", "title": "ERP"}])
    good = f"projects: [PAY, {UUID(int=1)}], programmes: [ERP]"
    code, out, err = check(good)
    assert (code, err) == (0, "")
    assert "register fine" in out
    code, out, err = check("projects: [PAY, PYA, TWO], programmes: [XYZ]")
    assert code == 1
    assert "register not fine" in out
    assert (
        "REG004 no row of `projects` has the id or key 'PYA' portbook.yaml:6:50 → Did you mean 'PAY'?" in err
    )
    assert "REG005 2 rows of `projects` have the key 'TWO' portbook.yaml:6:55" in err
    assert "'XYZ' portbook.yaml:6:74 → Until it comes, the grant shows nothing of it." in err
    assert "'PAY' portbook" not in err


def test_while_a_source_was_never_read_to_its_end_the_row_may_still_come(check: Check) -> None:
    (check.config.parent / "actions.csv").write_text("Action ID,Project,Title\nA-1,OPS,Order cables\n")
    source = "sources: [{name: pmo, kind: spreadsheet, files: [actions.csv]}]\n"
    code, out, err = check("projects: [PAY]", more=source)
    assert code == 0, err
    assert "'PAY' portbook.yaml:7:45" in err
    assert "1 rows that grants name; pmo was never read to its end" in out


def test_keys_that_name_rows_which_are_gone_are_told(check: Check, register_url: str) -> None:
    insert(register_url, "project", [{"id": UUID(int=n), "key": f"P{n}", "title": "P"} for n in (1, 2)])
    for name, rows in (("both", ["P1", "P2"]), ("one", ["P2"]), ("old", ["P1"])):
        run_apart(with_pool(register_url, lambda p, n=name, r=rows: create_key(p, n, rows={"projects": r})))
    run_apart(with_pool(register_url, lambda pool: revoke_key(pool, "old")))
    execute(register_url, "UPDATE project SET presence = 'deleted' WHERE key = 'P1'")
    code, out, _ = check("scopes: [read]")
    assert code == 0
    assert "the key 'both' (pb_" in out
    assert "names 1 of 2 rows that are gone" in out
    assert "'one'" not in out
    assert "'old'" not in out


def test_database_roles_and_webhooks_that_name_rows_which_are_gone_are_told(
    check: Check, register_url: str
) -> None:
    insert(register_url, "project", [{"id": UUID(int=n), "key": f"P{n}", "title": "P"} for n in (1, 2)])
    for name, rows in (("finance", [1]), ("board", [2])):
        scope = dumps({"projects": [str(UUID(int=n)) for n in rows]}).decode()
        execute(register_url, f"INSERT INTO bi_login (name, row_scope) VALUES ('{name}', '{scope}')")
        run_apart(with_pool(register_url, lambda p, n=name, r=rows: webhook_of(p, n, r)))
        run_apart(with_pool(register_url, lambda p, n=name: revoke_key(p, n)))
    code, out, _ = check("scopes: [read]")
    assert "gone" not in out
    execute(register_url, "UPDATE project SET presence = 'deleted' WHERE key = 'P1'")
    code, out, _ = check("scopes: [read]")
    assert code == 0
    assert "the bi login 'finance' names 1 of 1 rows that are gone" in out
    assert "the webhook 'finance' names 1 of 1 rows that are gone" in out
    assert "'board'" not in out


async def webhook_of(pool: Pool, name: str, projects: list[int]) -> None:
    """One that is restricted to these projects, as the key was that it was made with."""
    await create_key(pool, name, rows={"projects": [f"P{n}" for n in projects]})
    key = await pool.fetchval("SELECT id FROM api_key WHERE name = $1", name)
    wanted, maker = Wanted(name, "https://example.com/hook", ("*",)), Maker(Actor("tests"), key_id=key)
    async with pool.acquire() as connection, connection.transaction():
        await create_webhook(connection, wanted, sealer=SEALER, allowed=(), maker=maker)


def test_a_link_that_names_a_record_which_is_not_there_is_found_with_its_place(check: Check) -> None:
    """Such a link joins nothing, and nobody would ever tell."""
    folder = check.config.parent
    (folder / "projects.csv").write_text("Project ID,Title\nPAY,Payments\nWEB,Web shop\n")
    (folder / "plans.csv").write_text("Project ID,Title\nP-1,Payments\nP-2,Web shop\n")
    sources = (
        "sources:\n  - {name: pmo, kind: spreadsheet, files: [projects.csv], sheets: [{into: project}]}\n"
        "  - {name: plans, kind: spreadsheet, files: [plans.csv], sheets: [{into: project}]}\n"
    )
    links = "identity: {{projects: {{links: [[pmo:{}, plans:{}]], match: []}}}}\n"
    code, out, err = check("scopes: [read]", more=sources + links.format("PYA", "P-1"))
    assert code == 0, err
    assert "records that links name may still come: plans, pmo" in out
    assert app(["--config", str(check.config), "sync"], standalone_mode=False) == 0
    code, out, err = check("scopes: [read]", more=sources + links.format("PYA", "no such"))
    assert code == 1
    assert "register not fine" in out
    assert "REG004 identity.links names pmo:PYA, and pmo tells of no such project portbook.yaml:5:32" in err
    assert "→ Did you mean 'PAY'?" in err
    assert "plans:no such, and plans tells of no such project portbook.yaml:5:41 → There are P-1, P-2." in err
    code, out, err = check("scopes: [read]", more=sources + links.format("pay", "p-1"))
    assert (code, err) == (0, "")
    assert "register fine" in out


def test_a_register_that_is_not_there_is_not_made_for_it(
    check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, out, _ = check("projects: [PAY]", register="{data_dir: data}")
    assert code == 0
    assert "register not there yet" in out
    assert [path.name for path in check.config.parent.iterdir()] == ["portbook.yaml"]
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    code, out, _ = check("scopes: [read]")
    assert code == 0
    assert "register not looked at" in out
    code, _, err = check("projects: [PAY]")
    assert code == 1
    assert "register STO" in err


def test_a_defect_in_one_adapter_hides_nothing_of_the_other_sources(
    check: Check, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "one.csv").write_text("Risk ID,Title\nR-1,Slip\n")
    (tmp_path / "two.csv").write_text("Risk ID,Title\nR-2,Cost\n")
    looked = SpreadsheetAdapter.check

    async def broken(self: SpreadsheetAdapter) -> Identity:
        if self._options.files == ["one.csv"]:
            raise KeyError("iid")
        return await looked(self)

    monkeypatch.setattr(SpreadsheetAdapter, "check", broken)
    sources = "".join(
        f"  - {{name: {name}, kind: spreadsheet, files: [{name}.csv], sheets: [{{into: risk, key: Risk ID}}]}}\n"
        for name in ("one", "two")
    )
    code, out, err = check("scopes: [read]", more=f"sources:\n{sources}")
    assert code == 1
    assert "two fine" in out, (out, err)
    assert "one (portbook.yaml:" in err
    assert "PRB001 unexpected KeyError: 'iid'" in err

"""A labelled set: who is who is known, and four tools tell of it as tools do, with typos, re-used names and addresses,
shared mailboxes, married names, hidden e-mails and codes that one tool lacks. The same for the same seed."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import NamedTuple


def _words(text: str) -> list[str]:
    return text.split()


TOOLS = ("delivery", "boards", "plans", "pmo")
_FIRST = _words(
    """
    Anna Ben Carla David Elena Farid Grace Hugo Ines Jonas Katja Liam Maria Nadia Oskar Paula Quentin Rosa
    Stefan Tara Umar Vera Willem Xenia Yusuf Zoe Aisha Bruno Chloe Dmitri Emma Felix Greta Hassan Irina Jakob
    Klara Lukas Maja Nils
    """
)
_LAST = _words(
    """
    Abel Bauer Costa Dahl Eriksen Fischer Garcia Hansen Ivanov Jensen Keller Lopez Meyer Novak Okafor Petrov
    Quist Rossi Schmidt Torres Ullrich Vogel Weber Xu Yilmaz Zimmermann Andersson Brandt Conti Duval Engel
    Fontaine Gruber Horvat Iversen Jovanovic Kowalski Lindqvist Moreau Nguyen Olsen Papadakis Richter Svensson
    Takahashi Urban Varga Wagner Young Ziegler
    """
)
_THEMES = _words(
    """
    Payments Payroll Website Warehouse Identity Billing Network Mobile Reporting Training Archive Procurement
    Safety Recruiting Customer Fleet Energy Insurance Laboratory Campus
    """
)
_DOINGS = _words(
    """
    renewal migration consolidation rollout upgrade relocation launch integration audit redesign
    """
)


class Told(NamedTuple):
    """What one tool says of one thing."""

    tool: str
    number: str
    """The tool's own id of it."""
    label: int
    """Which thing it really is."""
    values: dict[str, str]


def people(rng: random.Random, count: int) -> list[Told]:
    """`count` people; every twentieth has the name of another."""
    names = [(rng.choice(_FIRST), _last(rng)) for _ in range(count)]
    for at in range(0, count - 1, 20):
        names[at + 1] = names[at]
    found: list[Told] = []
    taken: dict[str, int] = {}
    for label, (first, last) in enumerate(names):
        stem = f"{first}.{last}".lower()
        taken[stem] = taken.get(stem, 0) + 1
        address = f"{stem}{taken[stem] if taken[stem] > 1 else ''}@acme.example"
        for tool in rng.sample(TOOLS, rng.choice((1, 2, 2, 3, 4))):
            values = {
                "title": f"{last}, {first}" if tool == "boards" else f"{first} {last}",
                "email": address,
            }
            _disturb(rng, values, first, last, label)
            found.append(Told(tool, f"p{len(found)}", label, values))
    found += _handed_on(rng, found, names)
    return found


def _last(rng: random.Random) -> str:
    name = rng.choice(_LAST)
    return f"{name}-{rng.choice(_LAST)}" if rng.random() < 0.4 else name


def _disturb(rng: random.Random, values: dict[str, str], first: str, last: str, label: int) -> None:
    chance = rng.random()
    domain = values["email"].partition("@")[2]
    if chance < 0.05:
        values["title"] = _typo(rng, values["title"])
    elif chance < 0.08:
        values["title"] = f"{first[0]}. {last}"
    elif chance < 0.11:  # married: another name, and with it another address
        values["title"] = f"{first} {rng.choice(_LAST)}"
        values["email"] = f"{values['title'].replace(' ', '.').lower()}.{label}@{domain}"
    elif chance < 0.15:  # the company was bought
        values["email"] = values["email"].replace(domain, "acme-group.example")
    elif chance < 0.22:  # hidden by the tool
        del values["email"]
    elif chance < 0.25:  # a function's, or one that looks like a person's
        values["email"] = rng.choice(("pmo", "delivery.team", "frontdesk.berlin", "hall9")) + f"@{domain}"
    elif chance < 0.27:
        values["email"] = values["email"].upper()


def _handed_on(rng: random.Random, found: list[Told], names: list[tuple[str, str]]) -> list[Told]:
    """People who were given the address of somebody who left and whom another tool still knows: every other time
    somebody of the same family name and initial, where there is one."""
    more = []
    for at, left in enumerate(rng.sample([t for t in found if "email" in t.values], len(names) // 50)):
        old_first, old_last = names[left.label]
        others = [name for name in _FIRST if name != old_first]
        alike = [name for name in others if name[0] == old_first[0]]
        first, last = (
            (rng.choice(alike or others), old_last) if at % 2 else (rng.choice(others), rng.choice(_LAST))
        )
        tool = rng.choice([t for t in TOOLS if t != left.tool])
        values = {"title": f"{first} {last}", "email": left.values["email"]}
        more.append(Told(tool, f"h{at}", len(names) + at, values))
    return more


def projects(rng: random.Random, count: int) -> list[Told]:
    """`count` projects; every tenth has the title of another, as second phases have."""
    titles = [f"{rng.choice(_THEMES)} {rng.choice(_DOINGS)} {rng.choice('ABCDEFGH')}" for _ in range(count)]
    for at in range(0, count - 1, 10):
        titles[at + 1] = titles[at]
    found: list[Told] = []
    for label, title in enumerate(titles):
        code = f"P{label:04d}{_check_letter(label)}"
        for tool in rng.sample(TOOLS, rng.choice((1, 2, 3, 4))):
            values = {"title": title, "code": code}
            chance = rng.random()
            if chance < 0.06:
                values["title"] = _typo(rng, title)
            elif chance < 0.12:  # a code typed wrongly is nobody's: that is what its letter is for
                values["code"] = code[:-1] + chr(ord("A") + (ord(code[-1]) - ord("A") + 1) % 26)
            elif chance < 0.24:
                del values["code"]
            elif chance < 0.34:
                values["title"] = f"{title.split()[0]} programme {rng.randint(1, 99)}"
            found.append(Told(tool, f"r{len(found)}", label, values))
    return found


def _check_letter(number: int) -> str:
    return chr(ord("A") + number * 7 % 26)


def _typo(rng: random.Random, text: str) -> str:
    at = rng.randrange(1, len(text) - 1)
    ways: tuple[Callable[[], str], ...] = (
        lambda: text[:at] + text[at + 1 :],
        lambda: text[:at] + text[at] + text[at:],
        lambda: text[:at] + text[at + 1] + text[at] + text[at + 2 :],
    )
    return rng.choice(ways)()

"""Sites, drives and the tree of items in each, with a feed of what changed."""

from __future__ import annotations

import base64
import hashlib
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Node:
    """A driveItem. Its id stays for ever; its tags move with what is done to it."""

    id: str
    name: str
    parent: str
    content: bytes | None
    """None for a folder."""
    modified: float
    seq: int = 0
    """When it last changed, on the drive's own counter."""
    versions: int = 1
    changes: int = 1
    deleted: bool = False
    locked: bool = False
    hidden: bool = False
    """Not granted to the application: left out of lists and of the feed, 404 when asked for."""


@dataclass
class FakeDrive:
    id: str
    name: str
    owner: str
    """`sites/pmo` or a user's sign-in name."""
    nodes: dict[str, Node] = field(default_factory=dict)
    seq: int = 0
    oldest: int = 0
    """Places in the feed before this are forgotten."""
    lock: Any = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        self.root = self._add("root", "", None)

    def _add(self, name: str, parent: str, content: bytes | None) -> Node:
        raw = hashlib.sha256(f"{self.id}{len(self.nodes)}".encode()).digest()[:20]
        node = Node("01" + base64.b32encode(raw).decode().rstrip("="), name, parent, content, time.time())
        self.nodes[node.id] = node
        self._moved_on(node)
        return node

    def _moved_on(self, node: Node) -> None:
        self.seq += 1
        node.seq = self.seq
        node.changes += 1
        # A folder's size and date follow what happens inside, so the feed names it too.
        above = self.nodes.get(node.parent)
        while above is not None:
            above.seq = self.seq
            above = self.nodes.get(above.parent)

    def children(self, parent: str) -> Iterator[Node]:
        return (node for node in self.nodes.values() if node.parent == parent and not node.deleted)

    def find(self, path: str) -> Node | None:
        at: Node | None = self.root
        for part in [part for part in path.split("/") if part]:
            at = (
                next((n for n in self.children(at.id) if n.name.casefold() == part.casefold()), None)
                if at
                else None
            )
        return at

    def folder(self, path: str) -> Node:
        """The folder of that path, made where it is missing."""
        at = self.root
        for part in [part for part in path.split("/") if part]:
            there = next((node for node in self.children(at.id) if node.name == part), None)
            at = there or self._add(part, at.id, None)
        return at

    def put(self, path: str, content: bytes) -> Node:
        """Save a file: a new one, or a new version of the one that has this path."""
        with self.lock:
            folder, _, name = path.rpartition("/")
            known = self.find(path)
            if known is None:
                return self._add(name, self.folder(folder).id, content)
            known.content, known.versions, known.modified = content, known.versions + 1, time.time()
            self._moved_on(known)
            return known

    def touch(self, node: Node) -> None:
        """Change metadata only: another eTag, the same cTag."""
        with self.lock:
            self._moved_on(node)

    def rename(self, node: Node, name: str) -> None:
        with self.lock:
            node.name = name
            self._moved_on(node)

    def move(self, node: Node, folder: Node) -> None:
        with self.lock:
            self._moved_on(node)
            node.parent = folder.id
            self._moved_on(node)

    def delete(self, node: Node) -> None:
        with self.lock:
            for child in list(self.children(node.id)):
                self.delete(child)
            self._moved_on(node)
            node.deleted = True

    def forget_places(self) -> None:
        """Every place in the feed handed out so far is answered with 410 from now on."""
        self.seq += 1
        self.oldest = self.seq


class World:
    def __init__(self) -> None:
        self.drives: dict[str, FakeDrive] = {}
        self.sites: dict[str, list[FakeDrive]] = {}
        """`sites/pmo` → its libraries, the default one first."""
        self.users: dict[str, FakeDrive] = {}
        self.granted: set[str] = set()
        """Sites that Sites.Selected reaches."""

    def add_site(self, name: str, libraries: tuple[str, ...] = ("Documents",)) -> FakeDrive:
        """A site and its libraries; gives the default one."""
        owner = f"sites/{name}"
        self.sites[owner] = [self._drive(library, owner) for library in libraries]
        return self.sites[owner][0]

    def add_user(self, user: str) -> FakeDrive:
        self.users[user] = self._drive("OneDrive", user)
        return self.users[user]

    def library(self, site: str, name: str) -> FakeDrive:
        return next(drive for drive in self.sites[f"sites/{site}"] if drive.name == name)

    def add_files(self, drive: FakeDrive, folder: str, count: int) -> None:
        """So many small files that are no spreadsheets, quickly."""
        parent = drive.folder(folder)
        for number in range(count):
            drive._add(f"note {number}.docx", parent.id, b"x")

    def totals(self) -> dict[str, int]:
        """What a reader must find, by its kind."""
        live = [
            node
            for drive in self.drives.values()
            for node in drive.nodes.values()
            if not node.deleted and node.parent
        ]
        files = [node for node in live if node.content is not None]
        return {
            "drives": len(self.drives),
            "folders": len(live) - len(files),
            "files": len(files),
            "bytes": sum(len(node.content or b"") for node in files),
        }

    def _drive(self, name: str, owner: str) -> FakeDrive:
        raw = uuid.uuid5(uuid.NAMESPACE_URL, f"{owner}/{name}").bytes * 3
        drive = FakeDrive("b!" + base64.urlsafe_b64encode(raw).decode(), name, owner)
        self.drives[drive.id] = drive
        return drive

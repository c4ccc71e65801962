"""What pydantic cannot say about a document: which keys would have been right, and where secrets belong.

Walks values and models side by side. References become SecretReference, so that validation needs no secret;
literal secrets, unknown keys and text where a number belongs are mistakes, each at its place.
"""

from __future__ import annotations

import re
import types
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from portbook.config.errors import Mistake
from portbook.config.scalars import PlainToo
from portbook.config.secrets import SecretReference
from portbook.config.suggest import did_you_mean
from portbook.config.yaml_text import Document
from portbook.config.yaml_text import Path as At

# Options of this name are filled in by the loader, and are no key of the file.
BASE_DIR = "base_dir"
_REFERENCE = ({"env"}, {"file"})
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_FILE = re.compile(r"[^\0]+")
_PASSWORD_IN_URL = re.compile(r"://[^/\s@]*:[^/\s@]+@")
_BY_REFERENCE = "write {env: NAME} or {file: PATH}"


def key_of(name: str, field: FieldInfo) -> str:
    return field.alias or name


class Shape:
    """Prepares the values of one document for validation."""

    def __init__(self, document: Document, file: str, folder: Path, entities: Collection[str] | None) -> None:
        self._document = document
        self._file = file
        self._folder = folder
        self._entities = entities
        self.mistakes: list[Mistake] = []

    def fit(self, data: Any, models: Sequence[Any], at: At) -> Any:
        """The values with references in place of secrets. Unknown keys become mistakes and are left out."""
        expected = _flat(models)
        if isinstance(data, dict):
            return self._mapping(data, expected, at)
        if isinstance(data, list):
            items = [arg for kind in expected for arg in _item_types(kind)]
            return [self.fit(item, items, (*at, index)) for index, item in enumerate(data)]
        self._scalar(data, expected, at)
        return data

    def wrong(self, at: At, message: str, hint: str = "") -> None:
        self.mistakes.append(Mistake(*self._document.where(at), message, hint))

    def _mapping(self, data: dict[str, Any], expected: list[Any], at: At) -> Any:
        secret = SecretStr in expected
        models = [kind for kind in expected if isinstance(kind, type) and issubclass(kind, BaseModel)]
        values = [get_args(kind)[1] for kind in expected if get_origin(kind) in (dict, Mapping)]
        if secret and not models:
            return self._reference(data, at)
        models = _fitting(models, data) or models
        fields = {
            key_of(name, field): field
            for model in models
            for name, field in model.model_fields.items()
            if name != BASE_DIR
        }
        known = _children(models)
        fitted = {}
        for key, value in data.items():
            below = (*at, key)
            if key in fields:
                fitted[key] = self.fit(value, known[key], below)
                if key == "into" and isinstance(value, str):
                    self._entity(value, below)
            elif values:
                fitted[key] = self.fit(value, values, below)
            elif models and value is None and any(SecretStr in _flat(kinds) for kinds in known.values()):
                # `{token: ab,cd}` is a token `ab` and a key `cd`: half a secret, which is not repeated.
                self.wrong(below, "a key without a value", "put quotes around text that holds a comma")
            elif models:
                near = did_you_mean(key, fields)
                self.wrong(below, f"unknown key {key!r}", near or f"known here: {', '.join(sorted(fields))}")
            else:
                fitted[key] = value
        return fitted

    def _reference(self, data: dict[str, Any], at: At) -> Any:
        if set(data) not in _REFERENCE:
            self.wrong(at, "a secret is one reference", _BY_REFERENCE)
            return _Refused()
        ((kind, name),) = data.items()
        if not isinstance(name, str) or not (
            _VARIABLE.fullmatch(name) if kind == "env" else _FILE.fullmatch(name)
        ):
            what = "an environment variable (letters, digits, _)" if kind == "env" else "a file"
            self.wrong((*at, kind), f"`{kind}` must name {what}")
            return _Refused()
        line, column = self._document.where(at)
        target = str(absolute(self._folder, Path(name))) if kind == "file" else name
        return SecretReference(kind, target, f"{self._file}:{line}:{column}")

    def _scalar(self, data: Any, expected: list[Any], at: At) -> None:
        if SecretStr in expected and data is not None and PlainToo not in expected:
            # The value is never repeated: it may be the secret itself.
            self.wrong(at, "a secret must not stand in this file", _BY_REFERENCE)
            return
        if isinstance(data, str) and PlainToo not in expected and _PASSWORD_IN_URL.search(data):
            self.wrong(at, "a password must not stand in this file", "give it where the sign-in is described")
            return
        # pydantic would read "250" as a number and 1 as true; the editor's schema would not.
        plain = {kind for kind in expected if kind in (str, int, float, bool)}
        name = next((f"`{step}` " for step in reversed(at) if isinstance(step, str)), "")
        only = plain and plain == {kind for kind in expected if kind is not type(None)}
        if only and isinstance(data, str) and str not in plain:
            self.wrong(at, f"{name}must be {_word(plain)}, not text", "leave the quotes out" if data else "")
        elif only and isinstance(data, bool) and bool not in plain:
            self.wrong(at, f"{name}must be {_word(plain)}, not true or false")
        elif only and isinstance(data, int | float) and not isinstance(data, bool) and plain == {bool}:
            self.wrong(at, f"{name}must be true or false, not a number")

    def _entity(self, name: str, at: At) -> None:
        if self._entities is not None and name not in self._entities:
            self.wrong(at, f"there is no entity {name!r}", did_you_mean(name, self._entities))


class _Refused(SecretStr):
    """Stands for a secret that was refused, so that validation goes on without a second complaint."""

    def __init__(self) -> None:
        super().__init__("")


def absolute(folder: Path, path: Path) -> Path:
    """A path of the file: from the home of a user (`~`), else from the folder the file is in."""
    with suppress(RuntimeError):  # no such user: the path is what it says
        path = path.expanduser()
    return folder / path


def _flat(kinds: Sequence[Any]) -> list[Any]:
    """The plain types among which a value must be: unions, aliases and annotations opened."""
    plain: list[Any] = []
    for kind in kinds:
        origin = get_origin(kind)
        if origin is Annotated:
            plain += _flat([get_args(kind)[0]])
            plain += [PlainToo for mark in get_args(kind)[1:] if isinstance(mark, PlainToo)]
        elif origin in (Union, types.UnionType):
            plain += _flat(get_args(kind))
        else:
            plain.append(kind)
    return plain


def _item_types(kind: Any) -> list[Any]:
    return (
        [arg for arg in get_args(kind) if arg is not ...] if get_origin(kind) not in (None, Literal) else []
    )


def _children(models: Sequence[type[BaseModel]]) -> dict[str, list[Any]]:
    known: dict[str, list[Any]] = {}
    for model in models:
        for name, field in model.model_fields.items():
            marks = [PlainToo for mark in field.metadata if isinstance(mark, PlainToo)]
            known.setdefault(key_of(name, field), []).extend([field.annotation, *marks])
    return known


def _fitting(models: list[type[BaseModel]], data: dict[str, Any]) -> list[type[BaseModel]]:
    """Of several models those whose literal fields (`kind: api_token`) agree with the values."""

    def agrees(model: type[BaseModel]) -> bool:
        return all(
            data.get(key_of(name, field)) in get_args(field.annotation)
            for name, field in model.model_fields.items()
            if get_origin(field.annotation) is Literal and field.is_required()
        )

    return [model for model in models if agrees(model)] if len(models) > 1 else models


def _word(plain: set[Any]) -> str:
    return "true or false" if plain == {bool} else "a whole number" if plain == {int} else "a number"

"""The keys that a model allows somewhere in a file, read from the model's own annotations."""

from collections.abc import Iterable
from types import UnionType
from typing import Annotated, Union, cast, get_args, get_origin

from pydantic import BaseModel, Tag


def keys_at(annotation: object, location: Iterable[str | int]) -> tuple[str, ...]:
    """The keys a model allows at a location, for "did you mean"."""
    for part in location:
        if is_tag(part):
            annotation = next((option for option in _tagged(annotation) if part in _tags(option)), annotation)
            continue
        annotation = next((inner for option in _options(annotation) if (inner := _step(option, part)) is not None), annotation)
    return tuple(key for option in _options(annotation) for key in _fields(option))


def is_tag(part: str | int) -> bool:
    """Whether a part of pydantic's location names a branch of a union and no key of the file."""
    return isinstance(part, str) and part.startswith("<")


def _tagged(annotation: object) -> tuple[object, ...]:
    """The branches of a tagged union, each with its tag."""
    if get_origin(annotation) in {Union, UnionType}:
        return tuple(option for each in get_args(annotation) for option in (_tagged(each) or (each,)))
    return _tagged(get_args(annotation)[0]) if get_origin(annotation) is Annotated and not _tags(annotation) else ()


def _tags(annotation: object) -> list[str]:
    return [extra.tag for extra in get_args(annotation)[1:] if isinstance(extra, Tag)] if get_origin(annotation) is Annotated else []


def _options(annotation: object) -> list[object]:
    """The alternatives of a union, without their annotations."""
    if get_origin(annotation) is Annotated:
        return _options(get_args(annotation)[0])
    if get_origin(annotation) in {Union, UnionType}:
        return [option for each in get_args(annotation) for option in _options(each)]
    return [annotation]


def _fields(annotation: object) -> dict[str, object]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return {each.alias or name: each.annotation for name, each in annotation.model_fields.items()}
    return {}


def _step(annotation: object, part: str | int) -> object | None:
    if get_origin(annotation) in {dict, list}:
        return cast("object", get_args(annotation)[-1])
    return _fields(annotation).get(str(part))

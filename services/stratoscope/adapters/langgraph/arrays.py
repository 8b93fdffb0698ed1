"""What is recorded of an array, a tensor or a table: its shape, its type, its values or a digest.

Their `repr` leaves out the middle of what is long, so two arrays that differ there would be equal.
NumPy is used where the program has loaded it, and never imported for the recording.
"""

import hashlib
import sys
from collections.abc import Callable
from typing import Any, Final

# What has more values than this is recorded by its digest.
MAX_VALUES: Final = 1_000
_MARKS: Final = ("__array__", "__array_interface__")


def is_array(value: object) -> bool:
    """Whether NumPy reads the value: an array, one of its scalars, a tensor, a table, an image."""
    return "numpy" in sys.modules and any(hasattr(type(value), mark) for mark in _MARKS)


def array_fields(value: Any, text_of: Callable[[object], str]) -> dict[str, Any]:
    """`$shape`, `$dtype`, `$columns` of a table, and `$value` or, of many values, `$sha256`.

    Values are Python's own, nested as the shape says; a scalar has its `$value` alone. `text_of`
    tells one object of an array of objects from another.
    Raises whatever a conversion raises.
    """
    array = _as_array(value)
    if isinstance(value, sys.modules["numpy"].generic):
        return {"$value": array.tolist()}
    fields: dict[str, Any] = {"$shape": list(array.shape), "$dtype": str(array.dtype)}
    if (columns := getattr(value, "columns", None)) is not None:
        fields["$columns"] = [str(column) for column in columns]
    if array.size <= MAX_VALUES:
        return fields | {"$value": array.tolist()}
    return fields | {"$sha256": _digest_of(array, text_of)}


def _as_array(value: Any) -> Any:
    numpy = sys.modules["numpy"]
    # A tensor that is being trained, or that is in a GPU's memory, has to be copied out first.
    for release in ("detach", "cpu"):
        value = getattr(value, release, lambda kept=value: kept)()
    return numpy.asarray(value)


def _digest_of(array: Any, text_of: Callable[[object], str]) -> str:
    digest = hashlib.sha256()
    if array.dtype.hasobject:
        # The bytes are addresses.
        for item in array.flat:
            digest.update(text_of(item).encode() + b"\0")
    else:
        digest.update(array.tobytes())
    return digest.hexdigest()

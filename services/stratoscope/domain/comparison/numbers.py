"""When two numbers that differ count as the same."""

from stratoscope.domain.comparison.options import Options
from stratoscope_contracts.words import MAX_INTEGER, MIN_INTEGER

# Every double is written out exactly by fewer digits.
_MOST_DIGITS = 1100


def count_as_equal(old: object, new: object, options: Options) -> bool:
    """Whether two values are numbers that options take for the same."""
    if not (_is_number(old) and _is_number(new)):
        return False
    assert isinstance(old, int | float)
    assert isinstance(new, int | float)
    if abs(old - new) < options.threshold:
        return True
    return options.digits is not None and rounded(old, options.digits) == rounded(
        new, options.digits
    )


def rounded(number: float, digits: int) -> str:
    """A number with so many digits after its point; an integer is never rounded."""
    if isinstance(number, int):
        return f"{number}.{'0' * min(digits, _MOST_DIGITS)}"
    text = f"{number:.{min(digits, _MOST_DIGITS)}f}"
    if not digits:
        text += "."
    # There is no zero below zero.
    return text.lstrip("-") if not text.strip("-0.") else text


def whole(number: float) -> float:
    """The integer that a double equals, where a record can hold one: 1.0 is 1, 2e64 stays."""
    is_whole = number.is_integer() and MIN_INTEGER <= number <= MAX_INTEGER
    return int(number) if is_whole else number


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)

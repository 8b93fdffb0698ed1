"""When two JSON values are the same value.

Numbers are equal by what they measure, so 1 and 1.0 are; true is no number, so true and 1 are not.
Python's own `==` says True == 1 at every depth, so it may refute equality but never prove it.
"""


def equal(left: object, right: object) -> bool:
    """Whether two JSON values are equal; shared parts are not looked at."""
    pairs = [(left, right)]
    while pairs:
        a, b = pairs.pop()
        if a is b:
            continue
        if isinstance(a, dict) and isinstance(b, dict):
            if a.keys() != b.keys():
                return False
            pairs.extend((value, b[key]) for key, value in a.items())
        elif isinstance(a, list) and isinstance(b, list):
            if len(a) != len(b):
                return False
            pairs.extend(zip(a, b, strict=True))
        elif a != b or isinstance(a, bool) is not isinstance(b, bool):
            return False
    return True

"""When two JSON values are the same value.

Numbers are equal by what they measure, so 1 and 1.0 are; true is no number, so true and 1 are not.
Python's own `==` says True == 1 at every depth, so it may refute equality but never prove it.
"""


def equal(left: object, right: object) -> bool:
    """Whether two JSON values are equal; shared parts are not looked at."""
    # A list of a million is gone through without a million pairs in memory.
    under_way = [iter(((left, right),))]
    while under_way:
        for a, b in under_way[-1]:
            if a is b:
                continue
            if isinstance(a, dict) and isinstance(b, dict):
                if a.keys() != b.keys():
                    return False
                under_way.append(zip(a.values(), map(b.__getitem__, a), strict=True))
                break
            if isinstance(a, list) and isinstance(b, list):
                if len(a) != len(b):
                    return False
                under_way.append(zip(a, b, strict=True))
                break
            if a != b or isinstance(a, bool) is not isinstance(b, bool):
                return False
        else:
            under_way.pop()
    return True

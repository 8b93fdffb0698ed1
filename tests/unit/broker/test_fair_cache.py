"""A cache that spaces share: what one of them floods is its own."""

from stratoscope.broker.fair_cache import FairCache


def test_a_group_that_floods_evicts_its_own_values_only() -> None:
    cache: FairCache[int] = FairCache(8)
    cache.put("lab", "one", 1)
    cache.put("lab", "two", 2)
    for number in range(1000):
        cache.put("other", str(number), number)
    assert (cache.get("lab", "one"), cache.get("lab", "two")) == (1, 2)
    assert [cache.get("other", str(number)) for number in range(993, 1000)] == [
        None, 994, 995, 996, 997, 998, 999,
    ]  # fmt: skip
    assert len(cache) == 8


def test_the_value_that_was_used_last_is_evicted_last() -> None:
    cache: FairCache[int] = FairCache(2)
    cache.put("lab", "one", 1)
    cache.put("lab", "two", 2)
    assert cache.get("lab", "one") == 1
    cache.put("lab", "three", 3)
    assert (cache.get("lab", "one"), cache.get("lab", "two")) == (1, None)


def test_a_key_has_one_value_until_it_is_forgotten() -> None:
    cache: FairCache[int] = FairCache(2)
    cache.put("lab", "one", 1)
    cache.put("lab", "one", 2)
    assert (len(cache), cache.get("lab", "one"), cache.get("other", "one")) == (1, 2, None)
    assert (cache.pop("lab", "one"), cache.pop("lab", "one"), len(cache)) == (2, None, 0)

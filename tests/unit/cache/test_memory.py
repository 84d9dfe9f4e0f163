"""The memory layer: never more bytes than it was given, the least recently used go first."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from bff.cache.entries import OVERHEAD_BYTES, Entry
from bff.cache.memory import MemoryLayer

KIB = 1024


@dataclass
class Kept:
    body: bytes


def entry(key: str, kib: int = 1) -> Entry:
    """An entry that counts for so many KiB in all."""
    return Entry(key, bytes(kib * KIB - OVERHEAD_BYTES), {}, 1000.0, 30.0, 1000.0)


def test_the_least_recently_used_entry_makes_room() -> None:
    memory = MemoryLayer(3 * KIB)
    for key in "abc":
        memory.put(entry(key))
    memory.get("a")
    memory.put(entry("d"))

    assert [key for key in "abcd" if memory.get(key)] == ["a", "c", "d"]
    assert memory.size_bytes == 3 * KIB


def test_an_entry_larger_than_the_bound_is_not_kept_and_puts_nothing_out() -> None:
    memory = MemoryLayer(3 * KIB)
    memory.put(entry("a"))

    assert not memory.put(entry("b", kib=4))
    assert memory.get("a") is not None
    assert memory.get("b") is None


def test_an_entry_too_large_still_ends_the_older_one_with_its_key() -> None:
    memory = MemoryLayer(3 * KIB)
    memory.put(entry("a"))
    memory.put(entry("a", kib=4))

    assert memory.get("a") is None
    assert memory.size_bytes == 0


def test_a_newer_entry_takes_the_place_of_the_older_one() -> None:
    memory = MemoryLayer(3 * KIB)
    newer = entry("a", kib=2)
    memory.put(entry("a"))
    memory.put(newer)

    assert memory.get("a") is newer
    assert (len(memory), memory.size_bytes) == (1, 2 * KIB)


def test_replies_kept_with_an_entry_count_and_make_room() -> None:
    memory = MemoryLayer(6 * KIB)
    kept = entry("b", kib=2)
    memory.put(entry("a", kib=2))
    memory.put(kept)
    kept.keep("mobile", Kept(bytes(KIB)))
    assert memory.size_bytes == 6 * KIB
    kept.keep("tv", Kept(bytes(KIB)))

    assert memory.get("a") is None
    assert memory.get("b") is kept
    assert memory.size_bytes == 6 * KIB


def test_replies_kept_before_the_entry_is_put_count_as_well() -> None:
    memory = MemoryLayer(8 * KIB)
    early = entry("a")
    early.keep("mobile", Kept(bytes(KIB)))
    memory.put(early)

    assert memory.size_bytes == 3 * KIB


def test_a_kept_reply_with_the_entrys_own_bytes_counts_as_little_as_it_takes() -> None:
    one = Entry("a", bytes(KIB), {"tv": bytes(KIB)}, 1000.0, 30.0, 1000.0)
    size = one.size_bytes
    one.keep("", Kept(one.body))
    one.keep("tv", Kept(one.views["tv"]))

    assert one.size_bytes == size + 2 * OVERHEAD_BYTES


def test_a_reply_is_kept_once_under_its_name() -> None:
    one = entry("a")
    first = Kept(b"first")
    one.keep("mobile", first)
    size = one.size_bytes
    one.keep("mobile", Kept(b"second"))

    assert one.variants["mobile"] is first
    assert one.size_bytes == size


def test_a_reply_kept_with_an_entry_that_was_put_out_costs_nothing() -> None:
    memory = MemoryLayer(2 * KIB)
    gone = entry("a", kib=2)
    memory.put(gone)
    memory.put(entry("b", kib=2))
    gone.keep("mobile", Kept(bytes(KIB)))

    assert memory.get("b") is not None
    assert memory.size_bytes == 2 * KIB


ACTIONS = st.tuples(st.sampled_from("abcde"), st.integers(1, 6), st.sampled_from(["put", "keep"]))


@given(st.lists(ACTIONS, max_size=40))
def test_whatever_is_done_the_total_is_that_of_what_is_held_and_within_the_bound(
    actions: list[tuple[str, int, str]],
) -> None:
    memory = MemoryLayer(10 * KIB)
    for number, (key, kib, action) in enumerate(actions):
        held = memory.get(key)
        if action == "put":
            memory.put(entry(key, kib))
        elif held is not None:
            held.keep(f"view {number}", Kept(bytes(kib * KIB)))

    sizes = [held.size_bytes for key in "abcde" if (held := memory.get(key))]
    assert memory.size_bytes == sum(sizes) <= 10 * KIB
    assert len(memory) == len(sizes)


@contextmanager
def threads_taking_turns_often() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def test_look_ups_from_other_threads_do_not_disturb_making_room() -> None:
    memory = MemoryLayer(150 * KIB)
    done = threading.Event()

    def look_up() -> None:
        while not done.is_set():
            for number in range(300):
                memory.get(str(number))

    threads = [threading.Thread(target=look_up) for _ in range(4)]
    with threads_taking_turns_often():
        for thread in threads:
            thread.start()
        try:
            ends_at = time.monotonic() + 1.5
            number = 0
            while time.monotonic() < ends_at:
                number += 1
                memory.put(entry(str(number % 300)))
        finally:
            done.set()
            for thread in threads:
                thread.join()
    assert memory.size_bytes == len(memory) * KIB <= 150 * KIB

"""The memory's index of tags: a purge finds what a look at every entry would find."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bff.cache.entries import Entry
from bff.cache.memory import MemoryLayer

KEYS, TAGS = "abcde", "xyz"
MOST_BYTES = 6 * 1024

TAG_SETS = st.frozensets(st.sampled_from(TAGS))
ACTIONS = st.one_of(
    st.tuples(st.just("put"), st.sampled_from(KEYS), TAG_SETS, st.integers(0, 3000)),
    st.tuples(st.just("get"), st.sampled_from(KEYS)),
    st.tuples(st.just("drop"), st.sampled_from(KEYS)),
    st.tuples(st.just("purge"), TAG_SETS),
    st.tuples(st.just("purge all")),
)


class Model:
    """What the memory ought to hold, by looking at everything each time: oldest use first."""

    def __init__(self) -> None:
        self.held: list[Entry] = []

    def find(self, key: str) -> Entry | None:
        return next((entry for entry in self.held if entry.key == key), None)

    def act(self, action: tuple[Any, ...], entry: Entry | None) -> None:
        match action:
            case ("put", key, *_) if entry is not None:
                self.held = [each for each in self.held if each.key != key]
                if entry.size_bytes <= MOST_BYTES:
                    self.held.append(entry)
                while sum(each.size_bytes for each in self.held) > MOST_BYTES:
                    del self.held[0]
            case ("get", key):
                found = self.find(key)
                if found is not None:
                    self.held.remove(found)
                    self.held.append(found)
            case ("drop", key):
                self.held = [each for each in self.held if each.key != key]
            case ("purge", tags):
                self.held = [each for each in self.held if not each.tags & tags]
            case ("purge all",):
                self.held = [each for each in self.held if not each.tags]


@given(st.lists(ACTIONS, max_size=40))
def test_memory_holds_what_a_naive_one_holds(actions: list[tuple[Any, ...]]) -> None:
    memory, model = MemoryLayer(MOST_BYTES), Model()
    for action in actions:
        entry = None
        match action:
            case ("put", key, tags, size):
                entry = Entry(key, bytes(size), {}, 1.0, 1.0, 1.0, tags)
                memory.put(entry)
            case ("get", key):
                assert memory.get(key) is model.find(key)
            case ("drop", key):
                memory.drop(key)
            case ("purge", tags):
                memory.drop_tagged(tags)
            case ("purge all",):
                memory.drop_all_tagged()
        model.act(action, entry)
        assert len(memory) == len(model.held)
        assert memory.size_bytes == sum(each.size_bytes for each in model.held)
    for key in KEYS:
        assert memory.get(key) is model.find(key)
    memory.drop_all_tagged()
    assert memory.size_bytes == sum(each.size_bytes for each in model.held if not each.tags)

"""Suggestions for an unknown name: the known names, and the nearest one.

One wording for every unknown key, service, operation, field, view and schema.
"""

from collections.abc import Iterable
from difflib import SequenceMatcher

_SHOWN = 15  # names listed; a screen holds no more
_LONGEST = 64  # characters of a name worth comparing: the comparison's cost grows with the square
_NEAR = 0.65  # a little above difflib's own, at which `colour` means `cors`


def known_names(wrong: str, known: Iterable[str]) -> str:
    """How to mend the unknown name `wrong`: `Known: orders, users. Did you mean 'orders'?`

    A long list is cut to the nearest names; for an empty one the text is `None is known here.`
    """
    names = sorted(set(known))
    if not names:
        return "None is known here."
    meant = nearest(wrong, names)
    guess = f" Did you mean '{meant}'?" if meant is not None else ""
    if len(names) <= _SHOWN:
        return f"Known: {', '.join(names)}.{guess}"
    shown = sorted(sorted(names, key=lambda name: _nearness(wrong, name))[-_SHOWN:])
    return f"Known: {', '.join(shown)} and {len(names) - _SHOWN} more.{guess}"


def nearest(wrong: str, known: Iterable[str]) -> str | None:
    """The known name that `wrong` is probably meant for."""
    nearness, name = max(
        ((_nearness(wrong, name), name) for name in sorted(set(known))),
        key=lambda each: each[0],
        default=(0.0, ""),
    )
    return name if nearness >= _NEAR else None


def _nearness(wrong: str, name: str) -> float:
    """From 0 to 1. Spellings that differ in case, dashes and underscores alone are equal, and the
    beginning of a name is near it: `int` to `integer`."""
    if len(wrong) > _LONGEST or len(name) > _LONGEST:
        return 0.0
    plain = _plain(wrong)
    ratio = SequenceMatcher(None, plain, _plain(name), autojunk=False).ratio()
    return max(ratio, _NEAR) if len(plain) > 2 and _plain(name).startswith(plain) else ratio


def _plain(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "")

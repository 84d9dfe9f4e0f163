"""The Flask app that `bff serve --app MODULE:NAME` serves."""

import inspect
import os
import sys
import traceback
from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import Any

from flask import Flask

from bff.errors import BffError, SettingsError


def load_app(name: str) -> Flask:
    """The app that `MODULE:NAME` names, or that the function of this name returns. Its module is
    looked for in the current folder first.

    Raises `SettingsError` where there is none, or no gateway is mounted in it. What the module
    itself raises is described there with its traceback, except bff's own errors.
    """
    module_name, _, attribute = name.partition(":")
    sys.path.insert(0, os.getcwd())
    module = _imported(name, module_name)
    try:
        found = getattr(module, attribute)
    except AttributeError:
        known = sorted(key for key, value in vars(module).items() if isinstance(value, Flask))
        hint = f" Flask apps there: {', '.join(known)}." if known else ""
        raise _refusal(name, f"{module_name} has no {attribute!r}.{hint}") from None
    app = found
    if callable(found) and not isinstance(found, Flask):
        app = _made(name, found)
    if not isinstance(app, Flask):
        kind = "an object" if app is found else "a function that returns an object"
        raise _refusal(name, f"this is {kind} of the type {type(app).__name__}, and no Flask app.")
    if "bff" not in app.extensions:
        raise _refusal(name, "no gateway is mounted in this app: bff.Gateway(app) mounts one.")
    return app


def _imported(name: str, module_name: str) -> ModuleType:
    try:
        return import_module(module_name)
    except BffError:
        raise
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise _failure(name, f"the import of {module_name}") from error
        raise _refusal(
            name, f"there is no module {error.name} in {os.getcwd()}, nor is it installed."
        ) from None
    except Exception as error:
        raise _failure(name, f"the import of {module_name}") from error


def _made(name: str, make: Callable[..., Any]) -> Any:
    try:
        inspect.signature(make).bind()
    except (TypeError, ValueError):
        raise _refusal(
            name, "this is no Flask app, and no function without arguments that returns one."
        ) from None
    try:
        return make()
    except BffError:
        raise
    except Exception as error:
        raise _failure(name, "the function") from error


def _refusal(name: str, why: str) -> SettingsError:
    return SettingsError(f"BFF_APP: {name}: {why}")


def _failure(name: str, what: str) -> SettingsError:
    """To be made while the exception is handled."""
    return _refusal(name, f"{what} failed.\n{traceback.format_exc().rstrip()}")

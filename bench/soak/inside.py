"""The app that the gateway of a soak stands in: it reports what its worker holds.

GET /soak/inside           {"process", "tasks", "threads"}
GET /soak/inside?objects   the objects that Python's garbage collector knows, after it ran
"""

import asyncio
import gc
import os
import threading

import flask

from bff import Gateway

app = flask.Flask("soak")
_gateway = Gateway(app)


@app.get("/soak/inside")
def inside() -> dict[str, int]:
    """Counts of this worker."""
    resources = _gateway.core.resources
    counts = {
        "process": os.getpid(),
        "tasks": 0 if resources is None else len(asyncio.all_tasks(resources.loop)),
        "threads": threading.active_count(),
    }
    if "objects" in flask.request.args:
        gc.collect()
        counts["objects"] = len(gc.get_objects())
    return counts

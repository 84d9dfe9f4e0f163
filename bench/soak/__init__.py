"""`python -m bench.soak`: minutes of mixed load with faults, every value checked.

    upstream   a service that answers in good order, slowly, wrongly or not at all
    project    what the gateway serves over it
    inside     the app behind the gateway, which counts tasks and objects within a worker
    stage      upstream, Redis and gateway as processes, and what happens to them meanwhile
    line       a caller's connection, and replies from it
    callers    callers, and what they hold against what comes back
    kinds      what they do
    giant      a gigabyte each way
    watch      what the workers hold over time, and whether it grows
    picture    the same, drawn

It borrows the table of raw requests and the Redis of the tests. docs/contributing.md shows how to
run it.
"""

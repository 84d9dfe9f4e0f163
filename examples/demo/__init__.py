"""`make demo`: the sample project over the sample services, called as a frontend would call it.

show.py         the requests, and what came of each
callers.py      who may ask: a login, and what each kind of caller gets
numbers.py      what it cost, from the gateway's own numbers
scenes.py       how the results are drawn
processes.py    the services, the issuer and the gateway, started and stopped together
__main__.py     the command line
"""

"""Redis: from a URL to clients, a server of our own, and a store for what isn't cached.

`clients` reads URLs. `store` is the port for those who need keys, scripts and messages on the event
loop. The cache has its own way to Redis, by threads (`bff.cache.shared`). May not know what is
stored.
"""

"""httpx's connections for one way of connecting: TLS files and a proxy of a service's own."""

import ssl

import httpx

from bff.plan.model.service import Link, Proxy
from bff.upstream.tls import TlsContexts


class LinkPool:
    """The pool of one link. Where its TLS files are new, another pool takes the new connections;
    that before it stays for what is in flight, until the next change."""

    def __init__(self, link: Link | None, contexts: TlsContexts, limits: httpx.Limits) -> None:
        self._link = link or Link()
        self._contexts = contexts
        self._limits = limits
        self._context: ssl.SSLContext | None = None
        self.pools: list[httpx.AsyncHTTPTransport] = []  # the new one, the one before

    async def get(self) -> httpx.AsyncHTTPTransport:
        """The pool for a new exchange. Raises `TlsFileError`."""
        context = self._contexts.get(self._link.tls)
        if context is not self._context:
            self._context = context
            self.pools.insert(0, self._open(context))
            if len(self.pools) > 2:
                await self.pools.pop().aclose()
        return self.pools[0]

    async def close(self) -> None:
        """Close every connection."""
        for pool in self.pools:
            await pool.aclose()

    def _open(self, context: ssl.SSLContext) -> httpx.AsyncHTTPTransport:
        proxy = None if self._link.proxy is None else _httpx_proxy(self._link.proxy)
        return httpx.AsyncHTTPTransport(
            verify=context, proxy=proxy, trust_env=False, limits=self._limits
        )


def _httpx_proxy(proxy: Proxy) -> httpx.Proxy:
    host = f"[{proxy.host}]" if ":" in proxy.host else proxy.host
    secret = proxy.authorization
    headers = None if secret is None else {"Proxy-Authorization": secret}
    return httpx.Proxy(f"http://{host}:{proxy.port}", headers=headers)

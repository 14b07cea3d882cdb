"""Which server to connect to for an address: its own, or the proxy that the environment names."""

from __future__ import annotations

import base64
from typing import NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import getproxies_environment, proxy_bypass

from dver.core.errors import RemoteError


class Target(NamedTuple):
    """Where to connect to: the server, or a proxy before it."""

    scheme: str
    host: str
    port: int | None
    proxy: str | None


def target_of(parts: SplitResult) -> Target:
    """Where to connect to for an address."""
    host = parts.hostname or ""
    return Target(parts.scheme, host, parts.port, _proxy_for(parts.scheme, parts.netloc.rpartition("@")[2]))


def _proxy_for(scheme: str, server: str) -> str | None:
    """The proxy that the environment names for this server, as a URL."""
    proxies = getproxies_environment()
    proxy = proxies.get(scheme) or proxies.get("all")
    if not proxy or proxy_bypass(server):
        return None
    proxy = proxy if "://" in proxy else f"http://{proxy}"
    if urlsplit(proxy).scheme != "http" or not urlsplit(proxy).hostname:
        raise RemoteError(
            f"cannot use the proxy for {server}",
            why="dver goes through proxies of the kind http:// only",
            fix=f"correct {scheme.upper()}_PROXY, or put {server} into NO_PROXY",
        )
    return proxy


def proxy_headers(proxy: str) -> dict[str, str]:
    """The headers with which `proxy` lets us in."""
    parts = urlsplit(proxy)
    if not parts.username:
        return {}
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return {"Proxy-Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}

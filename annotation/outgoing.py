"""One HTTP request to an address that somebody typed in, which may not lead into the server's own network.

The name is resolved once, every address it has is checked, and the connection goes to the very address that
was checked: a name that changes its answer in between gains nothing. Redirects are not followed.
"""

import http.client
import ipaddress
import socket
import ssl
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

SECONDS: Final = 5.0
MOST_READ: Final = 64 * 1024
LOWEST_FREE_PORT: Final = 1024
# Networks that hide another address: NAT64, 6to4, Teredo.
_WRAPPED: Final = tuple(
    map(ipaddress.ip_network, ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32"))
)


class AddressRefused(ValueError):  # noqa: N818 (what was typed in, not a malfunction)
    """Nothing is sent there; the message says why and what to give instead."""


def check(url: str, *, allow_private: bool) -> None:
    """Whether the form of an address is allowed; resolves nothing. Raises AddressRefused."""
    _parts(url, allow_private=allow_private)


def send(url: str, *, body: bytes, headers: Mapping[str, str], allow_private: bool) -> tuple[int, str]:
    """POSTs the body; returns the status and its reason, whatever they are.

    Raises AddressRefused, and OSError or http.client.HTTPException where there is no answer in 5 seconds.
    """
    scheme, host, port, path = _parts(url, allow_private=allow_private)
    address = _resolved(host, port, allow_private=allow_private)
    connection = http.client.HTTPConnection(host, port, timeout=SECONDS)
    plain = socket.create_connection((address, port), timeout=SECONDS)
    try:
        secure = ssl.create_default_context().wrap_socket
        connection.sock = secure(plain, server_hostname=host) if scheme == "https" else plain
        connection.request("POST", path, body=body, headers={**headers, "User-Agent": "Percept"})
        response = connection.getresponse()
        response.read(MOST_READ)
        return response.status, response.reason[:80]
    finally:
        connection.close()
        plain.close()


def is_public(address: str) -> bool:
    """Whether an IP address is one of the open internet, whatever it is written as or wrapped in."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            ip = ip.ipv4_mapped
        elif any(ip in network for network in _WRAPPED if network.version == ip.version):
            return False
    return ip.is_global and not ip.is_multicast


def _parts(url: str, *, allow_private: bool) -> tuple[str, str, int, str]:
    try:
        split = urlsplit(url)
        port = split.port or (443 if split.scheme == "https" else 80)
    except ValueError:
        raise AddressRefused("This is not an address. Give one such as https://example.org/hook.") from None
    if split.scheme != "https" and not (allow_private and split.scheme == "http"):
        raise AddressRefused("Give an address that starts with https://.")
    if not split.hostname or split.username is not None or not url.isascii() or not url.isprintable():
        raise AddressRefused("Give an address with a plain host name and without a password in it.")
    if port not in (80, 443) and port < LOWEST_FREE_PORT:
        raise AddressRefused(f"Port {port} belongs to another service. Use 443 or one from 1024 on.")
    if " " in url:
        raise AddressRefused("An address has no spaces.")
    path = (split.path or "/") + (f"?{split.query}" if split.query else "")
    return split.scheme, split.hostname, port, path


def _resolved(host: str, port: int, *, allow_private: bool) -> str:
    """The address to connect to. Raises AddressRefused unless all the host has are public."""
    found = [entry[4][0] for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    if not allow_private and not all(is_public(str(address)) for address in found):
        raise AddressRefused("The host is in a private network, where webhooks are not sent.")
    return str(found[0])

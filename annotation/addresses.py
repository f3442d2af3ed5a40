"""The network address that a request came from, for limits only; it is neither stored nor logged."""

from ipaddress import IPv6Address, ip_address, ip_network

from django.conf import settings
from django.http import HttpRequest


def address_of(request: HttpRequest) -> str:
    """The visitor's address; of IPv6 the /64 network, which one visitor has whole. Empty where unknown.

    Behind PROXIES proxies it is the one that the outermost of them wrote into X-Forwarded-For: counted from
    the right, since what stands further left is whatever the visitor sent.
    """
    if not settings.PROXIES:
        return _normal(request.META.get("REMOTE_ADDR", ""))
    hops = [hop.strip() for hop in request.headers.get("X-Forwarded-For", "").split(",")]
    return _normal(hops[-settings.PROXIES]) if len(hops) >= settings.PROXIES else ""


def _normal(text: str) -> str:
    try:
        address = ip_address(text)
    except ValueError:
        return ""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return str(ip_network((address.packed[:8] + bytes(8), 64)))
    return str(address)

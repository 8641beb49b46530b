"""Which addresses of the internet protocol are the internet's. Pure.

From IANA's registries of special-purpose addresses (RFC 6890, as of 2026). Written out, because
what Python's `is_global` says differs between its releases. The proxy of compose has the same
list."""

from ipaddress import ip_address, ip_network

_NOT_PUBLIC_V4 = tuple(
    ip_network(network)
    for network in (
        "0.0.0.0/8",  # this host
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carriers' NAT; 100.100.100.200 tells Alibaba's machines their secrets
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # the same of Azure, among public ones
        "169.254.0.0/16",  # link-local; 169.254.169.254 is the other clouds' one
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocols; 192.0.0.192 is Oracle's
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
)
# All that is given out so far. Outside of it: loopback, unique local (fd00:ec2::254 is Amazon's),
# link-local, multicast, and IPv4 in other clothes (::ffff:0:0/96, 64:ff9b::/96).
_UNICAST = ip_network("2000::/3")
_NOT_PUBLIC_V6 = tuple(
    ip_network(network)
    for network in (
        "2001::/23",  # protocols; Teredo holds an IPv4 address
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4 holds an IPv4 address
        "3fff::/20",  # documentation
    )
)
NOT_PUBLIC = (*_NOT_PUBLIC_V4, *_NOT_PUBLIC_V6)


def is_public(address: str) -> bool:
    """False for what is no address, too."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    if parsed.version == 6 and parsed not in _UNICAST:
        return False
    return not any(parsed in network for network in NOT_PUBLIC)

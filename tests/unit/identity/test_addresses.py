"""Whose address a request is counted under: a keyed hash, of IPv6 the network of one customer."""

from gateway.identity.addresses import Addresses
from gateway.identity.settings import IdentitySettings


def addresses() -> Addresses:
    return Addresses(IdentitySettings(session_secret="s"))  # type: ignore[arg-type]


def test_ipv6_counts_by_64_bits_and_ipv4_whole() -> None:
    name = addresses().name
    assert name("2001:db8:1:2::1") == name("2001:db8:1:2:ffff::9")
    assert name("2001:db8:1:2::1") != name("2001:db8:1:3::1")
    assert name("192.0.2.1") != name("192.0.2.2")
    assert name("::ffff:192.0.2.1") == name("192.0.2.1")
    assert name("fe80::1%eth0") == name("fe80::2")


def test_what_is_no_address_counts_as_one() -> None:
    name = addresses().name
    assert name("") == name("unix") == name("testclient")


def test_an_address_cannot_be_read_out_of_its_name() -> None:
    name = addresses().name("192.0.2.1")
    assert "192" not in name.partition(":")[2][:3] or len(name) == len("address:") + 32
    assert name != Addresses(IdentitySettings(session_secret="t")).name("192.0.2.1")  # type: ignore[arg-type]

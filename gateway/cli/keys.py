"""`shopsight key`: a new API key, shown once, and the line for the gateway's `api_keys`."""

from gateway.identity.callers import hash_key, new_key


def run(tenant: str) -> int:
    key = new_key()
    print(f"key for the client, shown only now: {key}")
    print(f"line for the api_keys secret:       {tenant} {hash_key(key)}")
    return 0

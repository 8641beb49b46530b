"""Which photo is this: file bytes → the digest of its pixels."""

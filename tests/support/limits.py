"""Limits for tests and benchmarks, which are many shoppers at one address. What is used is counted
all the same."""

ROOMY = {
    "ADDRESS_LIMITS": "questions_per_s=1e6 tokens_per_day=1e12 bytes_per_day=1e15",
    "SESSION_LIMITS": "questions_per_s=1e6 tokens_per_day=1e12 bytes_per_day=1e15",
    "PLACES_SHARE": "1",
}

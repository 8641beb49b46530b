"""Leaves of the error tree that only the gateway raises.

ClientError: 429 RateLimited · Unavailable: 503 CacheUnavailable · ErasureIncomplete
"""

from contract.errors import ClientError, Unavailable


class RateLimited(ClientError):
    status = 429
    code = "rate_limited"
    type = "rate_limit_error"
    en = "That was too often. Please try again in a moment."
    zh = "操作过于频繁，请稍后再试。"
    retry_after_s = 10


class CacheUnavailable(Unavailable):
    code = "cache_unavailable"  # of the internal port only: for a question it is a cache miss
    en = "The answer cache cannot be reached; nothing was purged."
    zh = "无法连接答案缓存，未清除任何内容。"


class ErasureIncomplete(Unavailable):
    code = "erasure_incomplete"
    en = "Not everything could be erased yet; what was, stays erased. Please send this again."
    zh = "尚未全部删除，已删除的不会恢复，请重新提交。"

"""Leaves of the error tree that only the gateway raises.

ClientError: 400 InvalidMultipart > UndecodableText · 401 InvalidKey · 408 RequestTimeout
· 422 ContentBlocked · 429 (Retry-After) RateLimited
Unavailable: 503 (Retry-After) ImageStoreUnavailable · LogUnavailable · CacheUnavailable
· ErasureIncomplete
"""

from contract.errors import ClientError, Unavailable


class InvalidMultipart(ClientError):
    code = "invalid_multipart"
    en = "The multipart form is malformed."
    zh = "表单格式不正确。"


class UndecodableText(InvalidMultipart):
    """`language`: that of the text as far as it can be guessed, None where it cannot."""

    en = "A text of the form is not in UTF-8. Send UTF-8, or name the charset in its Content-Type."
    zh = "表单中的文字不是 UTF-8 编码。请使用 UTF-8，或在 Content-Type 中注明 charset。"

    def __init__(self, language: str | None = None) -> None:
        super().__init__()
        self.language = language


class InvalidKey(ClientError):
    status = 401
    code = "invalid_api_key"
    type = "authentication_error"
    en = "A valid API key is required."
    zh = "需要有效的 API 密钥。"


class RequestTimeout(ClientError):
    status = 408
    code = "request_timeout"
    en = "The request took too long to arrive. Please try again."
    zh = "请求上传超时，请重试。"


class ContentBlocked(ClientError):
    status = 422
    code = "content_blocked"
    en = "This content cannot be processed."
    zh = "该内容无法处理。"


class RateLimited(ClientError):
    status = 429
    code = "rate_limited"
    type = "rate_limit_error"
    en = "That was too often. Please try again in a moment."
    zh = "操作过于频繁，请稍后再试。"
    retry_after_s = 10  # where it is counted, the rest of the minute is told


class ImageStoreUnavailable(Unavailable):
    code = "image_store_unavailable"
    en = "Uploads cannot be kept right now. Please send the photo with the question."
    zh = "暂时无法保存上传的照片，请在提问时直接附上照片。"
    retry_after_s = 10  # a database restarts in about that time; until then each try costs 3 s


class LogUnavailable(Unavailable):
    code = "log_unavailable"
    en = "The service cannot record questions right now. Please try again in a moment."
    zh = "服务暂时无法记录提问，请稍后再试。"
    retry_after_s = 5  # a failed commit is tried again after 1 s, a full spool needs some seconds


class CacheUnavailable(Unavailable):
    code = "cache_unavailable"  # of the internal port only: for a question it is a cache miss
    en = "The answer cache cannot be reached; nothing was purged."
    zh = "无法连接答案缓存，未清除任何内容。"
    retry_after_s = 2  # its breaker tries again after 1 s


class ErasureIncomplete(Unavailable):
    code = "erasure_incomplete"
    en = "Not everything could be erased yet; what was, stays erased. Please send this again."
    zh = "尚未全部删除，已删除的不会恢复，请重新提交。"
    retry_after_s = 10  # others' erasures before it take seconds each, as does a database's restart

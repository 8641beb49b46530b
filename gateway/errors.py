"""Leaves of the error tree that only the gateway raises.

ClientError: 400 HostNotServed, InvalidMultipart > UndecodableText · SchemaNeedsKey
· 401 InvalidKey · 403 CrossSiteRequest, MissingScope
· 404 NoResponses, FileNotFound, BatchNotFound · 408 RequestTimeout
· 409 IdempotencyConflict, BatchEnded · 409 (Retry-After) RequestUnderWay · 413 FileTooLarge
· 416 RangeNotSatisfiable · 422 ContentBlocked > SelfHarm
· 429 (Retry-After) RateLimited > QuotaExceeded > StorageFull, FilesFull, TooManyBatches
Unavailable: 503 (Retry-After) KeysUnavailable · ImageStoreUnavailable · LogUnavailable
· CacheUnavailable · ErasureIncomplete · ModerationUnavailable · FileStoreUnavailable
"""

import math
from collections.abc import Mapping
from typing import Self

from contract.errors import ClientError, InvalidSchema, NotFound, Unavailable


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


class SchemaNeedsKey(InvalidSchema):
    en = "Without an API key a JSON schema may have 2,000 characters at most."
    zh = "没有 API 密钥时，JSON Schema 最多 2000 个字符。"


class HostNotServed(ClientError):
    code = "host_not_served"
    en = "This server does not answer under that host name."
    zh = "本服务不在该主机名下提供服务。"


class CrossSiteRequest(ClientError):
    status = 403
    code = "cross_site_request"
    type = "permission_error"
    en = "Pages of other sites cannot send this. Ask from our own page, an app or a server."
    zh = "其他网站的页面不能发送此请求，请从本站页面、应用或服务器发送。"


class InvalidKey(ClientError):
    status = 401
    code = "invalid_api_key"
    type = "authentication_error"
    en = "A valid API key is required."
    zh = "需要有效的 API 密钥。"


class MissingScope(ClientError):
    """`scope`: one of our own names, see gateway/identity/scopes.py."""

    status = 403
    code = "missing_scope"
    type = "permission_error"

    def __init__(self, scope: str) -> None:
        super().__init__()
        self.scope = scope

    def message(self, language: str) -> str:
        if language == "zh":
            return f"没有“{self.scope}”权限，无法执行此操作。请使用具有该权限的 API 密钥。"
        return f"This needs an API key with the scope '{self.scope}'."


class NoResponses(NotFound):
    en = "There is no Responses API here. Ask at /v1/chat/completions."
    zh = "此处不提供 Responses API，请使用 /v1/chat/completions。"


class IdempotencyConflict(ClientError):
    status = 409
    code = "idempotency_conflict"
    en = "This Idempotency-Key was used for another request. Use a new one for a new request."
    zh = "该 Idempotency-Key 已用于其他请求，新的请求请使用新的值。"


class RequestUnderWay(ClientError):
    status = 409
    code = "request_under_way"
    en = "The same request is being answered right now. Please try again in a moment."
    zh = "相同的请求正在处理中，请稍后再试。"
    retry_after_s = 2  # an answer takes about so long


class FileNotFound(ClientError):
    status = 404
    code = "file_not_found"
    en = "This file is unknown or has expired. Please upload it again."
    zh = "该文件不存在或已过期，请重新上传。"


class BatchNotFound(ClientError):
    status = 404
    code = "batch_not_found"
    en = "There is no such batch."
    zh = "没有这个批处理任务。"


class BatchEnded(ClientError):
    status = 409
    code = "batch_ended"
    en = "This batch has ended already and cannot be cancelled."
    zh = "该批处理任务已经结束，无法取消。"


class FileTooLarge(ClientError):
    status = 413
    code = "file_too_large"
    en = "The file is too large. Please split it into several files."
    zh = "文件过大，请拆分为多个文件。"


class RangeNotSatisfiable(ClientError):
    status = 416
    code = "range_not_satisfiable"
    en = "The file has no such range of bytes."
    zh = "文件中没有所请求的字节范围。"


class RequestTimeout(ClientError):
    status = 408
    code = "request_timeout"
    en = "The request took too long to arrive. Please try again."
    zh = "请求上传超时，请重试。"


class ContentBlocked(ClientError):
    status = 422
    code = "content_blocked"
    en = "Sorry, this cannot be answered here. Please ask something about the product."
    zh = "抱歉，这里无法回答这个内容，请换一个与商品有关的问题。"


class RateLimited(ClientError):
    status = 429
    code = "rate_limited"
    type = "rate_limit_error"
    en = "That was too often. Please try again in a moment."
    zh = "操作过于频繁，请稍后再试。"
    retry_after_s = 10  # where it is counted, the time until the next one is told
    headers: Mapping[str, str] = {}

    @classmethod
    def of(cls, what: str, limit: float, reset_s: float) -> Self:
        """`what` is used up, of which there are `limit`. In OpenAI's headers, with ours in the
        place of its `requests` and `tokens` where it has no word for it."""
        error = cls.retried_after(reset_s)
        error.headers = {
            f"x-ratelimit-limit-{what}": f"{limit:.0f}",
            f"x-ratelimit-remaining-{what}": "0",
            f"x-ratelimit-reset-{what}": f"{math.ceil(reset_s)}s",
        }
        return error


class QuotaExceeded(RateLimited):
    """Of the day, or of what is stored: a client that tries again soon tries in vain."""

    code = "quota_exceeded"
    en = "The allowance for today is used up. Please come back tomorrow."
    zh = "今天的用量已用完，请明天再来。"

    @classmethod
    def of(cls, what: str, limit: float, reset_s: float) -> Self:
        error = super().of(what, limit, reset_s)
        error.retry_after_s = math.ceil(reset_s)
        error.headers = {**error.headers, "x-should-retry": "false"}  # OpenAI's clients obey
        return error


class KeysUnavailable(Unavailable):
    code = "keys_unavailable"
    en = "API keys cannot be checked right now. Please try again in a moment."
    zh = "暂时无法验证 API 密钥，请稍后再试。"
    retry_after_s = 10  # a database restarts in about that time


class StorageFull(QuotaExceeded):
    en = "Too many photos are kept already. The first of them will go by itself."
    zh = "已保存的照片过多，最早的照片到期后会自动删除，请届时再上传。"


class FilesFull(QuotaExceeded):
    en = "Too many files are kept already. Please delete some that you no longer need."
    zh = "已保存的文件过多，请删除不再需要的文件。"


class TooManyBatches(QuotaExceeded):
    en = "Too many batches are under way already. Please wait for one to end, or cancel it."
    zh = "进行中的批处理任务过多，请等待其中一个结束或将其取消。"


class ImageStoreUnavailable(Unavailable):
    code = "image_store_unavailable"
    en = (
        "Uploaded photos cannot be kept or read right now. Please send the photo with the question."
    )
    zh = "暂时无法存取上传的照片，请在提问时直接附上照片。"
    retry_after_s = 10  # a database restarts in about that time; until then each try costs 3 s


class FileStoreUnavailable(Unavailable):
    code = "file_store_unavailable"
    en = "Files cannot be kept or read right now. Please try again in a moment."
    zh = "暂时无法存取文件，请稍后再试。"
    retry_after_s = 10  # a database restarts in about that time


class ModerationUnavailable(Unavailable):
    code = "moderation_unavailable"
    en = "Photos cannot be checked right now. Please try again in a moment."
    zh = "暂时无法检查照片，请稍后再试。"
    retry_after_s = 10  # a process that cannot start is tried again after so long


class LogUnavailable(Unavailable):
    code = "log_unavailable"
    en = "The service cannot record questions right now. Please try again in a moment."
    zh = "服务暂时无法记录提问，请稍后再试。"
    retry_after_s = 5  # a failed commit is tried again after 1 s, a full spool needs some seconds


class CacheUnavailable(Unavailable):
    code = "cache_unavailable"  # of the administration only: for a question it is a cache miss
    en = "The answer cache cannot be reached; nothing was purged."
    zh = "无法连接答案缓存，未清除任何内容。"
    retry_after_s = 2  # its breaker tries again after 1 s


class ErasureIncomplete(Unavailable):
    code = "erasure_incomplete"
    en = "Not everything could be erased yet; what was, stays erased. Please send this again."
    zh = "尚未全部删除，已删除的不会恢复，请重新提交。"
    retry_after_s = 10  # others' erasures before it take seconds each, as does a database's restart

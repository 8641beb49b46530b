"""The one error tree of both services; each leaf has a status, a stable code and two messages:
fixed ones, nothing of an exception or the input is echoed. 429 and 503 have Retry-After.

ShopsightError
├── ClientError (type invalid_request_error)
│   ├── 400 BadRequest · InvalidJSON · InvalidMultipart · InvalidSchema · 401 InvalidKey
│   ├── 404 NotFound · ImageNotFound · 405 MethodNotAllowed · 408 RequestTimeout
│   ├── 411 LengthRequired · 413 PayloadTooLarge · 415 UnsupportedMediaType
│   ├── 422 InvalidField · InvalidBase64 · UrlNotAllowed · ContentBlocked · 429 RateLimited
│   └── 413 ImageTooManyPixels · 415 UnsupportedImageType · 422 ImageUndecodable · ImageDimensions
└── ServerError (type server_error)
    ├── 500 InternalError · 502 ReplicaFailed · 504 DeadlineExceeded
    └── 503 Overloaded · NoReplica · LogUnavailable · CacheUnavailable
        · ImageStoreUnavailable · ErasureIncomplete (in gateway/erasing.py)
"""

from typing import Any, ClassVar


class ShopsightError(Exception):
    """Base of every error a client may see. `param` names the field at fault, never its value."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"
    type: ClassVar[str] = "server_error"
    en: ClassVar[str] = "Something went wrong on our side. Please try again."
    zh: ClassVar[str] = "服务出了点问题，请稍后再试。"
    retry_after_s: ClassVar[int | None] = None

    def __init__(self, param: str | None = None) -> None:
        super().__init__(self.code)
        self.param = param

    def body(self, language: str) -> dict[str, Any]:
        """The JSON shape of OpenAI's errors, in the asker's language (`zh`, else English)."""
        message = self.zh if language == "zh" else self.en
        error = {"message": message, "type": self.type, "code": self.code, "param": self.param}
        return {"error": error}


class ClientError(ShopsightError):
    status = 400
    type = "invalid_request_error"


class BadRequest(ClientError):
    code = "bad_request"
    en = "The request is malformed."
    zh = "请求格式不正确。"


class InvalidJSON(ClientError):
    code = "invalid_json"
    en = "The body is not one valid UTF-8 JSON object."
    zh = "请求内容不是有效的 UTF-8 JSON 对象。"


class InvalidMultipart(ClientError):
    code = "invalid_multipart"
    en = "The multipart form is malformed."
    zh = "表单格式不正确。"


class InvalidSchema(ClientError):
    code = "invalid_schema"
    en = "The JSON schema cannot be used to constrain an answer."
    zh = "该 JSON Schema 无法用于约束回答。"


class InvalidKey(ClientError):
    status = 401
    code = "invalid_api_key"
    type = "authentication_error"
    en = "A valid API key is required."
    zh = "需要有效的 API 密钥。"


class NotFound(ClientError):
    status = 404
    code = "not_found"
    en = "There is nothing at this address."
    zh = "没有找到该地址。"


class ModelNotFound(NotFound):
    code = "model_not_found"
    en = "No such model. Use the alias 'shopsight' or an id from /v1/models."
    zh = "没有这个模型。请使用别名 shopsight 或 /v1/models 中的名称。"


class ImageNotFound(ClientError):
    status = 404
    code = "image_not_found"
    en = "This upload is unknown or has expired. Please upload the photo again."
    zh = "该上传不存在或已过期，请重新上传照片。"


class MethodNotAllowed(ClientError):
    status = 405
    code = "method_not_allowed"
    en = "This address does not take that method."
    zh = "该地址不支持此请求方法。"


class RequestTimeout(ClientError):
    status = 408
    code = "request_timeout"
    en = "The request took too long to arrive. Please try again."
    zh = "请求上传超时，请重试。"


class LengthRequired(ClientError):
    status = 411
    code = "length_required"
    en = "Send a Content-Length or a chunked body."
    zh = "请求需要 Content-Length 或分块传输。"


class PayloadTooLarge(ClientError):
    status = 413
    code = "payload_too_large"
    en = "The request or the photo in it is too large."
    zh = "请求或其中的照片过大。"


class ImageTooManyPixels(ClientError):
    status = 413
    code = "image_too_many_pixels"
    en = "The photo has too many pixels. Please send a smaller one."
    zh = "照片像素过多，请换一张小一点的照片。"


class UnsupportedMediaType(ClientError):
    status = 415
    code = "unsupported_media_type"
    en = "Send application/json or multipart/form-data in UTF-8, not compressed."
    zh = "请使用未压缩的 UTF-8 application/json 或 multipart/form-data。"


class UnsupportedImageType(ClientError):
    status = 415
    code = "unsupported_image_type"
    en = "Please send a JPEG, PNG or WebP photo (not animated)."
    zh = "请上传 JPEG、PNG 或 WebP 照片（非动图）。"


class InvalidField(ClientError):
    status = 422
    code = "invalid_field"
    en = "A field is missing, unknown or not allowed; see 'param'."
    zh = "有字段缺失、未知或不被允许，见 param。"


class InvalidBase64(ClientError):
    status = 422
    code = "invalid_base64"
    en = "The photo is not valid base64."
    zh = "照片不是有效的 base64 编码。"


class UrlNotAllowed(ClientError):
    status = 422
    code = "url_not_allowed"
    en = "Photos are taken as data URIs; addresses are not fetched."
    zh = "照片请用 data URI 发送，服务不会抓取网址。"


class ImageUndecodable(ClientError):
    status = 422
    code = "image_undecodable"
    en = "The photo cannot be read; the file seems damaged."
    zh = "照片无法读取，文件可能已损坏。"


class ImageDimensions(ClientError):
    status = 422
    code = "image_dimensions"
    en = "The photo is too small or too narrow."
    zh = "照片太小或过于狭长。"


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
    retry_after_s = 10


class ServerError(ShopsightError): ...


class InternalError(ServerError): ...


class ReplicaFailed(ServerError):
    status = 502
    code = "replica_failed"
    en = "The model failed on this request. Please try again."
    zh = "模型处理失败，请重试。"


class DeadlineExceeded(ServerError):
    status = 504
    code = "deadline_exceeded"
    en = "The answer took too long. Please try again."
    zh = "回答超时，请重试。"


class Unavailable(ServerError):
    status = 503
    retry_after_s = 1


class Overloaded(Unavailable):
    code = "overloaded"
    en = "Too many questions right now. Please try again in a moment."
    zh = "现在提问的人太多，请稍后再试。"


class NoReplica(Unavailable):
    code = "no_replica"
    en = "No model is available right now. Please try again in a moment."
    zh = "模型暂时不可用，请稍后再试。"


class ImageStoreUnavailable(Unavailable):
    code = "image_store_unavailable"
    en = "Uploads cannot be kept right now. Please send the photo with the question."
    zh = "暂时无法保存上传的照片，请在提问时直接附上照片。"


class CacheUnavailable(Unavailable):
    code = "cache_unavailable"  # of the internal port; for a question it is a miss
    en = "The answer cache cannot be reached; nothing was purged."
    zh = "无法连接答案缓存，未清除任何内容。"


class LogUnavailable(Unavailable):
    code = "log_unavailable"
    en = "The service cannot record questions right now. Please try again in a moment."
    zh = "服务暂时无法记录提问，请稍后再试。"

"""The one error tree of both services; each leaf has a status, a stable code and two messages.

ShopsightError
├── ClientError (type invalid_request_error)
│   ├── 400 BadRequest · InvalidJSON · InvalidField · InvalidSchema · ContextLengthExceeded
│   ├── 404 NotFound · ModelNotFound · 405 MethodNotAllowed
│   ├── 411 LengthRequired · 413 PayloadTooLarge · 415 UnsupportedMediaType
│   └── PhotoError: the photo is at fault
│       ├── 400 InvalidBase64 · UrlNotAllowed · 404 ImageNotFound · 413 ImageTooManyPixels
│       └── 415 UnsupportedImageType · 422 ImageUndecodable · ImageTooComplex · ImageDimensions
└── ServerError (type server_error)
    ├── 500 InternalError · 502 ReplicaFailed · 504 DeadlineExceeded
    └── Unavailable: 503 (Retry-After) Overloaded > BatchLaneFull · NoReplica

Own leaves: gateway/errors.py, gateway/images/remote/errors.py, inference/batching/lane.py,
contract/http_protocol.py, and of contract/http.py the 415. Messages are fixed texts: no
exception's text, nothing of the input.
"""

import copy
import math
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from contract.text.field_words import Fault, complaint, not_supported

# OpenAI's clients sleep for as long as they are told, up to a minute, and give up on more.
MAX_RETRY_AFTER_S = 60


class ShopsightError(Exception):
    """Base of every error a client may see. `param` names the field at fault, never its value."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"
    type: ClassVar[str] = "server_error"
    en: ClassVar[str] = "Something went wrong on our side. Please try again."
    zh: ClassVar[str] = "服务出了点问题，请稍后再试。"
    headers: Mapping[str, str] = {}  # of the answer, besides
    retry_after_s: int | None = None  # whole seconds; None where to try again changes nothing
    language: str | None = None  # of the client's words, where no question could be read

    def __init__(self, param: str | None = None) -> None:
        super().__init__(self.code)
        self.param = param

    @classmethod
    def retried_after(cls, seconds: float) -> Self:
        """With an estimate of this occasion, rounded up and bounded."""
        error = cls()
        error.retry_after_s = min(max(math.ceil(seconds), 1), MAX_RETRY_AFTER_S)
        return error

    def message(self, language: str) -> str:
        """In the asker's language: `zh`, else English."""
        return self.zh if language == "zh" else self.en

    def body(self, language: str) -> dict[str, Any]:
        """The JSON shape of OpenAI's errors. Lets the traceback go: it keeps photos in circles."""
        named = {"type": self.type, "code": self.code, "param": self.param}
        return {"error": {"message": self.with_traceback(None).message(language), **named}}

    def at(self, param: str | None) -> Self:
        """A copy that names another field, for one of several askers. Lets go, as `body` does."""
        error = copy.copy(self.with_traceback(None))
        error.param = param
        return error


class ClientError(ShopsightError):
    status = 400
    type = "invalid_request_error"


class PhotoError(ClientError): ...


class BadRequest(ClientError):
    code = "bad_request"
    en = "The request is malformed."
    zh = "请求格式不正确。"


class InvalidJSON(ClientError):
    code = "invalid_json"
    en = "The body is not one valid UTF-8 JSON object."
    zh = "请求内容不是有效的 UTF-8 JSON 对象。"


class InvalidField(ClientError):
    """`unsupported`: one of OpenAI's names for what we do not do. `limit`: of what is too much."""

    code = "invalid_field"
    en = zh = ""  # the message is made of the field's name

    def __init__(
        self,
        param: str | None = None,
        unsupported: str | None = None,
        *,
        fault: Fault = "value",
        limit: int = 0,
    ) -> None:
        super().__init__(param)
        self.unsupported, self.fault, self.limit = unsupported, fault, limit

    def message(self, language: str) -> str:
        refused = self.unsupported and not_supported(self.unsupported, language)
        told = refused or super().message(language)
        return told or complaint(self.param, self.fault, language, self.limit)


class InvalidSchema(InvalidField):
    code = "invalid_schema"
    en = "The JSON schema cannot be used to constrain an answer."
    zh = "该 JSON Schema 无法用于约束回答。"


class ContextLengthExceeded(ClientError):
    code = "context_length_exceeded"  # OpenAI's
    en = "The conversation and its answer are too long for the model. Please shorten them."
    zh = "对话和回答超出了模型的长度上限，请缩短后再试。"


class NotFound(ClientError):
    status = 404
    code = "not_found"
    en = "There is nothing at this address."
    zh = "没有找到该地址。"


class ModelNotFound(NotFound):
    code = "model_not_found"
    en = "No such model. Use the alias 'shopsight' or an id from /v1/models."
    zh = "没有这个模型。请使用别名 shopsight 或 /v1/models 中的名称。"


class ImageNotFound(PhotoError):
    status = 404
    code = "image_not_found"
    en = "This upload is unknown or has expired. Please upload the photo again."
    zh = "该上传不存在或已过期，请重新上传照片。"


class MethodNotAllowed(ClientError):
    status = 405
    code = "method_not_allowed"
    en = "This address does not take that method."
    zh = "该地址不支持此请求方法。"


class LengthRequired(ClientError):
    status = 411
    code = "length_required"
    en = "Send a Content-Length or a chunked body."
    zh = "请求需要 Content-Length 或分块传输。"


class PayloadTooLarge(ClientError):
    status = 413
    code = "payload_too_large"
    en = "The request is too large. All photos in it may have 10 MB together."
    zh = "请求过大。其中的照片合计最大 10 MB。"


class ImageTooManyPixels(PhotoError):
    status = 413
    code = "image_too_many_pixels"
    en = "A photo may have 60 million pixels, a WebP 30 million. Please send a smaller one."
    zh = "照片最多 6000 万像素，WebP 最多 3000 万，请换一张小一点的照片。"


class UnsupportedImageType(PhotoError):
    status = 415
    code = "unsupported_image_type"
    en = "Please send a JPEG, PNG or WebP photo (not animated)."
    zh = "请上传 JPEG、PNG 或 WebP 照片（非动图）。"


class InvalidBase64(PhotoError):
    code = "invalid_base64"
    en = "The photo is not valid base64."
    zh = "照片不是有效的 base64 编码。"


class UrlNotAllowed(PhotoError):
    code = "url_not_allowed"
    en = "No photo is fetched from this address. Send it as a data URI, or upload it at /v1/images."
    zh = "服务不会从这个网址获取照片。请用 data URI 发送照片，或先上传到 /v1/images。"


class ImageUndecodable(PhotoError):
    status = 422
    code = "image_undecodable"
    en = "The photo cannot be read; the file seems damaged."
    zh = "照片无法读取，文件可能已损坏。"


class ImageTooComplex(PhotoError):
    status = 422
    code = "image_too_complex"
    en = "The photo takes too much work to read. Please save it as an ordinary JPEG or PNG."
    zh = "照片过于复杂，无法处理，请另存为普通的 JPEG 或 PNG。"


class ImageDimensions(PhotoError):
    status = 422
    code = "image_dimensions"
    en = "The photo is too small or too narrow."
    zh = "照片太小或过于狭长。"


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
    """Try again later. Clients give up after two or three times: rather too late than too soon."""

    status = 503


class Overloaded(Unavailable):
    code = "overloaded"
    en = "Too many questions right now. Please try again in a moment."
    zh = "现在提问的人太多，请稍后再试。"
    retry_after_s = 2  # an answer takes about so long; where more is known, that is told


class NoReplica(Unavailable):
    code = "no_replica"
    en = "No model is available right now. Please try again in a moment."
    zh = "模型暂时不可用，请稍后再试。"
    retry_after_s = 10  # the demo checkpoint loads in 3-10 s; the pool tells what it has measured

"""Why a photo could not be had from its address. The address, and what its server says, are in no
message.

PhotoError: 409 (Retry-After) ImageUrlChanged
· 422 ImageUrlUnreachable, ImageUrlTooSlow, ImageUrlRefused, ImageUrlRedirected
422, though another's server is at fault: 5xx would tell ops, and a canary, that ours is.
"""

from contract.errors import PhotoError


class ImageUrlUnreachable(PhotoError):
    """No name, no connection, no trusted certificate, an address that is not public, a 5xx."""

    status = 422
    code = "image_url_unreachable"
    en = "The photo's server cannot be reached. Try again later, or send the photo itself."
    zh = "无法连接照片所在的服务器。请稍后再试，或直接发送照片。"


class ImageUrlTooSlow(PhotoError):
    status = 422
    code = "image_url_too_slow"
    en = "The photo's server is too slow. Try again later, or send the photo itself."
    zh = "照片所在的服务器响应过慢。请稍后再试，或直接发送照片。"


class ImageUrlRefused(PhotoError):
    """Its server answers with no photo: 404, 403, or a form of it that is not asked for."""

    status = 422
    code = "image_url_refused"
    en = "The photo's server does not give it out. Check its address, or send the photo itself."
    zh = "照片所在的服务器没有返回照片。请检查网址，或直接发送照片。"


class ImageUrlRedirected(PhotoError):
    status = 422
    code = "image_url_redirected"
    en = "The address leads somewhere else. Send the address at which the photo itself is."
    zh = "该网址跳转到了别处。请发送照片本身的网址。"


class ImageUrlChanged(PhotoError):
    """There was one photo when the question was looked up, and is another one now."""

    status = 409
    code = "image_url_changed"
    en = "The photo at this address has just changed. Please try again."
    zh = "该网址的照片刚刚发生了变化，请重试。"
    retry_after_s = 1  # what is there now is known by then

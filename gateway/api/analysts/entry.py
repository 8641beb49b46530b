"""Who may look at reports and photos: the token of administration, also as a browser sends it."""

import base64
import binascii
import hmac

ASK_FOR_TOKEN = {"www-authenticate": 'Basic realm="Shopsight", charset="UTF-8"'}


def may_read(authorization: str, token: str) -> bool:
    """`token` is that of administration; empty: anybody may. Also as the password of Basic, which
    no route takes that changes anything: a page that makes a browser send it can do no harm."""
    if not token:
        return True
    kind, _, given = authorization.partition(" ")
    if kind == "Basic":
        try:
            given = base64.b64decode(given, validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return False
    elif kind != "Bearer":
        return False
    return hmac.compare_digest(given.encode(), token.encode())

"""The photo behind a digest of `images_by_day`, on the port of administration, or a picture that
says why there is none."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from contract.text.language import preferred_language
from gateway.api.analysts.entry import ASK_FOR_TOKEN, may_read
from gateway.images.consented import PhotoNotShown
from gateway.images.uploads import Uploads

Digest = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]
Tenant = Annotated[str, Query(pattern=r"^[!-~]{1,64}$")]
TYPES = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
# Strangers' bytes: shown as a picture or not at all. Nothing of it is kept: it may be erased.
HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
}
WHY = {
    "not kept": {"zh": "照片已不再保存", "en": "no longer kept"},
    "no consent": {"zh": "未同意使用照片", "en": "no consent to show it"},
}


def photos_router(uploads: Callable[[], Uploads], token: str) -> APIRouter:
    router = APIRouter(prefix="/admin/photos")

    @router.get("/{digest}")
    async def photo(digest: Digest, request: Request, tenant: Tenant = "public") -> Response:
        """200 with the photo. 404 with a picture of why there is none, named in `x-why`."""
        if not may_read(request.headers.get("authorization", ""), token):
            return Response("401", 401, ASK_FOR_TOKEN)
        try:
            data, kind = await uploads().consented(tenant, digest)
        except PhotoNotShown as error:
            language = preferred_language(request.headers.get("accept-language"))
            headers = HEADERS | {"x-why": error.why.replace(" ", "-")}
            return Response(_instead(WHY[error.why][language]), 404, headers, "image/svg+xml")
        return Response(data, 200, HEADERS, TYPES.get(kind, "application/octet-stream"))

    return router


def _instead(words: str) -> str:
    """`words` are ours."""
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 240 180" width="240" height="180">'
        '<rect width="240" height="180" fill="#e3e6ec"/><text x="120" y="95" fill="#475467"'
        f' font-family="sans-serif" font-size="16" text-anchor="middle">{words}</text></svg>'
    )

"""Docker's API on its socket: https://docs.docker.com/reference/api/engine/version/v1.44/."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

# Docker 25, the oldest that the project runs on.
VERSION = "v1.44"
TIMEOUT_S = 10.0


class EngineFailed(Exception):
    """The engine does not answer, refuses, or runs what cannot be scaled."""


class Docker:
    def __init__(self, socket: Path, timeout_s: float = TIMEOUT_S) -> None:
        """`timeout_s`: of each call that brings no other."""
        self._timeout_s = timeout_s
        self._http = httpx.Client(
            transport=httpx.HTTPTransport(uds=str(socket)), base_url=f"http://docker/{VERSION}"
        )

    def get(self, path: str, filters: Mapping[str, list[str]] | None = None, **query: str) -> Any:
        """Raises EngineFailed, as all of these do."""
        if filters is not None:
            query["filters"] = json.dumps(filters)
        return self._ask("GET", path, query)

    def post(
        self, path: str, body: Any = None, timeout_s: float | None = None, **query: str
    ) -> Any:
        return self._ask("POST", path, query, body, timeout_s)

    def delete(self, path: str) -> None:
        self._ask("DELETE", path, {})

    def _ask(
        self,
        method: str,
        path: str,
        query: dict[str, str],
        body: Any = None,
        timeout_s: float | None = None,
    ) -> Any:
        wait_s = self._timeout_s if timeout_s is None else timeout_s
        try:
            answer = self._http.request(method, path, params=query, json=body, timeout=wait_s)
        except httpx.HTTPError as error:
            raise EngineFailed(f"{type(error).__name__}: {error}") from error
        if answer.is_error:
            raise EngineFailed(f"{answer.status_code} {answer.text.strip()[:300]}")
        return answer.json() if answer.content else None

    def close(self) -> None:
        self._http.close()

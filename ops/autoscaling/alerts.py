"""Which way the alerts that fire point. Alertmanager is asked, instead of being listened to: a
webhook that was lost, or told before a restart, would leave a wrong belief behind."""

import httpx

from ops.autoscaling.policy import Direction

TIMEOUT_S = 5.0
# Alerts whose label `scale` is one of these are ours. A silence in Alertmanager pauses us.
FILTER = {"filter": 'scale=~"out|in"', "silenced": "false", "inhibited": "false", "active": "true"}


class AlertsUnknown(Exception):
    """Alertmanager does not answer, or not as it should."""


class Alertmanager:
    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, timeout=TIMEOUT_S)

    def firing(self) -> frozenset[Direction]:
        """Raises AlertsUnknown."""
        try:
            answer = self._http.get("/api/v2/alerts", params=FILTER).raise_for_status()
            directions = {alert["labels"]["scale"] for alert in answer.json()}
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            raise AlertsUnknown(f"{type(error).__name__}: {error}") from error
        return frozenset(direction for direction in ("out", "in") if direction in directions)

    def close(self) -> None:
        self._http.close()

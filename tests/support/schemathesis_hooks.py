"""Puts a file where an example can only say that one belongs there."""

from typing import Any

import schemathesis

from gateway.api.reference.operation import A_FILE
from tests.support.asking import photo


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    if isinstance(case.body, dict) and case.body.get("photo") == A_FILE:
        case.body = {**case.body, "photo": photo()}


@schemathesis.hook
def after_call(context: Any, case: Any, response: Any) -> None:
    """What it has sent is compared with the schema, which knows no bytes."""
    if isinstance(case.body, dict) and case.body.get("photo") == photo():
        case.body = {**case.body, "photo": A_FILE}

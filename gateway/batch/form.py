"""The JSON of `POST /v1/batches`, in OpenAI's words."""

from typing import Annotated, Any, Literal

from pydantic import Field

from contract.forms import Wire
from contract.json_body import parse_object
from contract.request import validate

MAX_LABELS = 16
# Size of a body: all labels at their longest, with every character escaped, and the other fields.
MAX_BATCH_BYTES = 64 * 1024
# As OpenAI has them: an hour to 30 days.
SHORTEST_S, LONGEST_S = 3_600, 2_592_000

Label = Annotated[str, Field(max_length=64)]


class ExpiresAfter(Wire):
    anchor: Literal["created_at"]
    seconds: Annotated[int, Field(ge=SHORTEST_S, le=LONGEST_S)]


class BatchRequest(Wire):
    input_file_id: Annotated[str, Field(max_length=128)]
    endpoint: Annotated[str, Field(max_length=48)]
    completion_window: Literal["24h"]
    metadata: (
        Annotated[dict[Label, Annotated[str, Field(max_length=512)]], Field(max_length=MAX_LABELS)]
        | None
    ) = None
    output_expires_after: ExpiresAfter | None = None

    @property
    def output_ttl_s(self) -> int | None:
        return self.output_expires_after.seconds if self.output_expires_after else None


def parse_batch(body: bytes) -> BatchRequest:
    """Raises InvalidJSON, InvalidField."""
    value: dict[str, Any] = parse_object(body)
    return validate(BatchRequest, value)

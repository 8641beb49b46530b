"""One request as a span with its steps. It tells how long what took and how it ended, and neither
what was asked nor by whom."""

import time

from contract.process.traces import Step, Traces
from gateway.log.interaction import Interaction

# Names of steps as the recipe has them; `upstream` is the wait for a replica's first piece.
ANSWER = "answer"


def send_trace(traces: Traces, interaction: Interaction) -> None:
    now, since_1970 = time.perf_counter(), time.time()
    steps = [
        Step(name, since_1970 - now + began, since_1970 - now + began + ms / 1000)
        for name, began in interaction.steps_began.items()
        if (ms := interaction.steps_ms.get(name)) is not None
    ]
    parts = {step.name: step for step in steps}
    first = parts.get("upstream") or parts.get("join")
    if first is not None:  # from the first piece on, screened piece by piece
        until = parts["record"].began if "record" in parts else since_1970
        steps.append(Step(ANSWER, first.ended, until))
    end = interaction.end
    attributes: dict[str, str | int | None] = {
        "http.route": interaction.route,
        "shopsight.interaction_id": str(interaction.id),
        "shopsight.outcome": interaction.outcome,
        "shopsight.code": interaction.error_code,
        "shopsight.cache": interaction.cache,
        "shopsight.revision": interaction.revision,
        "shopsight.replica": end.replica if end else None,
        "gen_ai.usage.input_tokens": end.usage.prompt_tokens if end else None,
        "gen_ai.usage.output_tokens": end.usage.completion_tokens if end else None,
    }
    traces.send(
        interaction.request_id,
        Step(interaction.kind, since_1970 - interaction.elapsed_ms / 1000, since_1970),
        sorted(steps, key=lambda step: step.began),
        {name: value for name, value in attributes.items() if value is not None},
        failed=interaction.outcome == "failed",
    )

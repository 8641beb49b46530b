"""The largest passes there can be, before the first question: what does not fit is told at the
start, not in the middle of the busiest hour."""

from inference.model.device import begin_measuring, peak_bytes
from inference.model.memory import MemoryPlan
from inference.model.network import Network, RowInput
from inference.model.prompts import Prompt
from inference.model.tensors import OutOfMemory
from inference.model.unfit import UnfitError


def rehearse(network: Network, prompt: Prompt, plan: MemoryPlan, device: str) -> int | None:
    """Read a prompt with the largest photo, then the last part of the longest one, then add a token
    to every row at its full length. Returns the peak in bytes, None on a CPU. Raises UnfitError."""
    step = plan.needs.prefill_tokens
    last = max(plan.context - step, 0)
    begin_measuring(device)
    try:
        for start in range(0, len(prompt.ids), step):
            network.forward(0, [RowInput(prompt, prompt.ids[start : start + step], start)]).cpu()
        network.forward(0, [RowInput(prompt, [0] * (plan.context - last), last)]).cpu()
        network.forward(0, [RowInput(prompt, [0], plan.context - 1)] * plan.slots).cpu()
    except OutOfMemory as error:
        raise UnfitError(plan.sentence("The rehearsal ran out of memory.")) from error
    peak = peak_bytes(device)
    budget = plan.needs.budget
    if peak is not None and budget is not None and peak > budget:
        raise UnfitError(plan.sentence(f"The rehearsal took {peak / 1e9:.2f} GB."))
    network.release_memory()
    network.reset()
    return peak

"""The largest passes there can be, before the first question: what does not fit is told at the
start, not in the middle of the busiest hour."""

from inference.model.device import begin_measuring, peak_bytes
from inference.model.memory import MemoryPlan
from inference.model.network import Network, RowInput
from inference.model.prompts import Prompt
from inference.model.tensors import OutOfMemory
from inference.model.unfit import UnfitError


def rehearse(network: Network, prompt: Prompt, plan: MemoryPlan, device: str) -> int | None:
    """Read a prompt with the largest photo, then the last part of the longest one while all other
    rows get a token at their full length. Then add a token to every row.
    Returns the peak in bytes, None on a CPU. Raises UnfitError."""
    step = plan.needs.prefill_tokens
    last = max(plan.context - step, 0)
    begin_measuring(device)
    try:
        network.record_all()
        for start in range(0, len(prompt.ids), step):
            network.forward([RowInput(prompt, prompt.ids[start : start + step], start)]).cpu()
        decoding = [RowInput(prompt, [0], plan.context - 1, slot) for slot in range(plan.slots)]
        longest = RowInput(prompt, [0] * (plan.context - last), last, plan.slots - 1)
        network.forward([*decoding[:-1], longest]).cpu()
        network.forward(decoding).cpu()
    except OutOfMemory as error:
        raise UnfitError(plan.sentence("The rehearsal ran out of memory.")) from error
    peak = peak_bytes(device)
    budget = plan.needs.budget
    if peak is not None and budget is not None and peak > budget:
        raise UnfitError(plan.sentence(f"The rehearsal took {peak / 1e9:.2f} GB."))
    network.release_memory()
    network.reset()
    return peak

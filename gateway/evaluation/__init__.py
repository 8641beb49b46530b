"""Whether a model is good enough for a shop, and whether a new one is better: sets of questions,
what is right about an answer, how sure the figures are, and the page that shows them."""

"""What saturates first, and what a thousand questions cost: a simulated replica, and the measured
costs of what stands around it. docs/capacity.md has the results."""

"""Roll-ups (counts by hour and business day), retention, and the upkeep that runs them."""

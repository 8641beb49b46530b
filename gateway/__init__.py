"""The gateway: answers shoppers' requests and records them. It never imports inference."""

"""Outlines of the products, one file a family."""

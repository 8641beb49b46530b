"""Outlines of the products, one file for each group of them."""

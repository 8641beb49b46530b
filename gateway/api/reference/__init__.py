"""The description of the public API: `/openapi.json`, and a page for people made from it."""

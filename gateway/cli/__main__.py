"""`python -m gateway.cli`: the same as `shopsight`."""

from gateway.cli import main

main()

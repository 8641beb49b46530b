"""What names a person in a text: numbers, addresses and accounts, however they are written.

The rules err towards goods: prices, sizes, models and bar codes stay. `make masking-eval` says how
often they are right.
"""

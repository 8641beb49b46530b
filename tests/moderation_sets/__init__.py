"""Texts that moderation is measured with. `own.tsv` was written beside the rules. `sealed.tsv`,
`sealed_2.tsv` and `sealed_3.tsv` were written by others who had seen none: no person reads them,
and decision 61 tells what their figures have led to.

A line: category (or benign), whether it is disguised, language, text.
"""

"""Writes decimal_digits.tsv: every decimal digit (general category Nd) of Unicode 18, and its value.

    pip install unicodedata2==18.0.0
    python generate_decimal_digits.py > decimal_digits.tsv
"""

import unicodedata2

for point in range(0x110000):
    if unicodedata2.category(chr(point)) == "Nd":
        print(f"{point:04X}\t{unicodedata2.digit(chr(point))}")

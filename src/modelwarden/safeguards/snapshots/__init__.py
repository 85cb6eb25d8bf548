"""What guards are given: bodies, signed heads, and who listens (SG-15 to SG-20).

It decides nothing about switches, and matches none.
"""

"""Guards in other programs: what they say of themselves, who is late, which of them confirmed a switch (SG-23).

It sends them nothing.
"""

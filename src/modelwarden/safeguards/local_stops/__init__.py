"""What guards block by themselves: seen, and adopted or dropped by people (SG-13, SG-17).

It ends no file of a worker, and believes no guard further than that it blocks.
"""

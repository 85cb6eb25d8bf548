"""Slots as they are kept: minutes become fives, an hour is sealed, what is over its time goes (SL-18, SL-19).

It reads no reports and decides nothing about people.
"""

"""The story of two releases on real data, offline: what is refused, who signs, what runs, how it is proven.

It uses what everybody can use: the SDK, the server, the files. It decides nothing and is no part of a server.
"""

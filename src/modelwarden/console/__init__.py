"""Pages for people: plain HTML from the server that reads and posts without script; nothing is loaded from outside.

So far: the welcome page, the one-time set-up link, and all about kill switches: what is stopped, the stop itself, each
switch with its story, their history, guards and coverage. Sign-in comes later; until then each form carries a token.
"""

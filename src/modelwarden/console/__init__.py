"""Pages for people: plain HTML from the server that reads and posts without script; nothing is loaded from outside.

So far: the welcome page, the one-time set-up link, what waits for a person, and the safeguards: kill switches, proposed
and local stops, triggers, drills, ways to fail, drift and guards. Until sign-in comes, each form carries a token.
"""

"""Pages for people: plain HTML from the server, no script needed, nothing loaded from outside.

So far: the welcome page, and the page of the one-time set-up link. What needs a session comes with sign-in.
"""

"""Every figure that the documentation names: ours and the peer's, measured in the same run.

One file a claim. Nothing here fails because something was slow: it prints, and a reader judges.
"""

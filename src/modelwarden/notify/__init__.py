"""News of chosen entries to endpoints outside: signed webhooks, in order, at least once (NO-1 to NO-5).

An endpoint may miss news: it is told so by the ledger, and what was abandoned can be sent again. What must not miss
anything is a sink. Other channels (mail, chat, pagers) come later.
"""

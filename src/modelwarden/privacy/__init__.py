"""Personal data: erasing a person, legal holds, and how long things are kept (LG-61, AC-84 to AC-86).

It erases words and look-up columns, never an entry. What it leaves out: restoring, which erases again by
`store.erasing`, and who may read e-mail addresses in clear, which the room `access` decides.
"""

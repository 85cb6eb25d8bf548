"""The database: schema, View and Change, the group-commit writer, entries. The only room that says commit."""

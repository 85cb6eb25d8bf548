"""Plain nouns that every room uses: ids, time, canonical bytes, pages, principals. No I/O."""

"""`python -m modelwarden` is the command line."""

from __future__ import annotations

from modelwarden.cli.main import main

if __name__ == "__main__":
    main()

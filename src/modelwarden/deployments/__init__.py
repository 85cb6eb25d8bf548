"""One version going to one environment: start, record, roll back. The gate's evidence is loaded here."""

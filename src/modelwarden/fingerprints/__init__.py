"""Digests of files and folders. Reads data, knows no database."""

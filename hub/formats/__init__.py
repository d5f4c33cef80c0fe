"""Dates as they fit in a table; everything else stays Django's."""

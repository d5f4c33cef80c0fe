"""Template words of the marketplaces' screens."""

"""How many hosts join a cluster at one time."""

JOINS = 30
"""Each asks the API server for its certificate, and all of them fetch their first container images from the
masters: with more at one time all wait longer, and some in vain."""

"""Clusters: from an image and a list of hosts to steps, and the operations that carry them out."""

"""Images: names, OCI documents, the local store, archives, and transport to and from registries."""

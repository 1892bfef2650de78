"""`make screenshots`: the status page's pictures for the documentation, of a real service in real states."""

"""The bridge between a practice and its booking partners."""

"""What partners and practices agree on."""

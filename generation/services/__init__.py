"""Everything that writes generation's tables."""

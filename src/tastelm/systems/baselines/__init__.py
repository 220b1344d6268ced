"""What every system of Table 1 must beat."""

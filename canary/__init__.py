"""Who comes every minute as a charge point and as an operator, to see whether both are served."""

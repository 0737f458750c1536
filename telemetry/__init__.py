"""Telemetry: the latest state of every device for a fast answer, and everything that was said for analysis."""

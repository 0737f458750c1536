"""The other end of the wire: faithful simulated charge points."""

"""What operators want charge points to do: commands over HTTP, tracked to their answer."""

"""What every HTTP front of the house shares: Function URL events in, problems out, who may do what."""

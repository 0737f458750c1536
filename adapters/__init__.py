"""Technology: one file per broker, store or cloud service, behind the ports of `domain`."""

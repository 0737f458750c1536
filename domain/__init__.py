"""The words of the house: models, ports, readings. No technology."""

"""The CSMS: answers charge points and keeps registry, transactions and shadows. Synchronous."""

"""The whole house on one machine: emulator, deployment, gateway, HTTP front, demo charge points."""

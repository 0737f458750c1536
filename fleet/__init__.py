"""Fleet administration: registering charge points and their credentials."""

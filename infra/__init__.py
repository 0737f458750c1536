"""AWS infrastructure as CDK constructs, and the whole house on one machine (`infra.local`)."""

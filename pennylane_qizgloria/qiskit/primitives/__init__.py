"""The samplers and estimators of each provider."""

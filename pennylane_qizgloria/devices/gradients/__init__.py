"""Which derivatives a device takes, and how it takes those by shifts."""

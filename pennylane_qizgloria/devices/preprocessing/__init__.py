"""The transforms that turn any circuit into one that a device runs, or refuse it."""

"""What is used of other libraries although it is not public, and faults of theirs that are mended.

Each module is about one library, and imports nothing of this package.
"""

"""The live page: what the worker says to people with only a browser, and the JSON behind it."""

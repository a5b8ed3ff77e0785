"""The programs measured side by side, each a process of its own: assignment in, measurement out."""

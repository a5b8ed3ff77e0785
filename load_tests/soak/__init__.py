"""The soak: one worker at a steady rate for long, watched from outside."""

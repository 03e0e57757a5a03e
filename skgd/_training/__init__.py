"""The loop over epochs, the state that it changes, and when it ends."""

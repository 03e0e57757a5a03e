"""Networks over one flat parameter vector, compiled: layers, epochs, predictions."""

"""The catalogue of the demo seller: a general store, with the mistakes that real catalogues have."""

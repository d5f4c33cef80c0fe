"""A small ERP, to show the hub on real input. It knows the hub only over HTTP, as a customer's ERP would."""

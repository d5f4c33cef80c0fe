"""The hub's own endpoints: what a seller can do in the portal, an ERP can do here."""

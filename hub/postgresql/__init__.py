"""Django's PostgreSQL, whose connections are looked after without a word to the server."""

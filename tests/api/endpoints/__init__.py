"""Every endpoint in a table: a good call, a bad one, a stranger's, and one about what is not there."""

"""Homologation: the list of calls an integration must make well before it may go live, ticked off by itself.

The cases are SkyHub's own list and the refusals every client must survive. A test account's real calls, as
the API log keeps them, are the only witness: `calls` reads them, `judges` holds one function per case,
`services` keeps what was found, `pages` and `api` show it.
"""

from __future__ import annotations

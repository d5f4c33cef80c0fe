#!/usr/bin/env python
"""The hub's command line."""

from __future__ import annotations

import os
import sys

from django.core.management import execute_from_command_line

from hub.localpg import LocalPostgresError


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hub.settings")
    try:
        execute_from_command_line(sys.argv)
    except LocalPostgresError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()

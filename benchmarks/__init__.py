"""What the product can do per second, beside what bare PostgreSQL or bare Django can in the same run.

`make bench` runs all of it, `make bench only=api` one part. A figure alone says more about the machine than
about the product; the ratios are what docs/benchmarks.md tells of.
"""

"""What the benchmarks themselves promise: honest arithmetic."""

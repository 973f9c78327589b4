"""The parts of `make bench`; `scripts/bench` says how they are chosen."""

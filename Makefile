# The only door. Everything is built with one profile (release): RocksDB and the other
# native parts are built once, and what is tested is what runs.
.DEFAULT_GOAL := run
.PHONY: setup build run test check bench compat clean

TARGET := $(or $(CARGO_TARGET_DIR),target)
# rustup's cargo may not be on the PATH of the shell that installed it.
export PATH := $(HOME)/.cargo/bin:$(PATH)

setup:
	@scripts/setup

# The whole workspace, so that every command resolves the same features and none
# compiles a dependency anew.
BUILD := cargo build --release --workspace --bins

build: setup
	$(BUILD)

# A node on 127.0.0.1:8086 with its data in ./data.
run: build
	@scripts/run $(TARGET)/release/hyperbytedb

test:
	@scripts/setup tests
	$(BUILD)
	cargo test --release --workspace
	COMPAT_ONLY=fuzz scripts/compat

check:
	@scripts/setup checks
	cargo fmt --all --check
	cargo clippy --release --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS=-Dwarnings cargo doc --release --no-deps --workspace
	@scripts/deny

bench:
	@scripts/setup tests
	$(BUILD)
	@scripts/bench

# Against a real InfluxDB; COMPAT_QUERIES and COMPAT_SEEDS make it large.
compat:
	@scripts/setup tests
	$(BUILD)
	@scripts/compat

# Build output and nothing else: data, and what scripts/setup fetched, stay.
clean:
	cargo clean

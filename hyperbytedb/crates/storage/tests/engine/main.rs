//! The engine's verbs at its public door.

// A test that cannot go on has failed.
#![allow(clippy::unwrap_used)]

mod common;
mod crash;
mod formats;
mod law;
mod power;
mod races;
mod records;
mod write;

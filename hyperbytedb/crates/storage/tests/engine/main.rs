//! The engine's verbs at its public door.

mod common;
mod crash;
mod law;
mod write;

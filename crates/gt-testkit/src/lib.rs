//! gt-testkit
pub mod world;

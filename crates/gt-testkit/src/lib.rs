//! What the tests of the other crates stand on: the simulated world, the test town, the scripted
//! agent, and the scripted model server that real agents are driven with.
//!
//! The scripted agent is also shipped, as the hidden `gt simulate-agent`, so that a town can be
//! tried without an account at any vendor.
//!
//! Invariant: nothing here decides anything for a town; it only plays what a town is made of.

#![warn(missing_docs)]

pub mod scripted_agent;
pub mod scripted_llm;
pub mod town;
#[cfg(target_os = "linux")]
pub mod undying;
pub mod world;

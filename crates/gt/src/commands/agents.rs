//! gt agents

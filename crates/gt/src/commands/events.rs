//! gt events

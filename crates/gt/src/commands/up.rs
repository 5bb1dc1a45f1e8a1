//! gt up

//! gt daemon

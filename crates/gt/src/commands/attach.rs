//! gt attach

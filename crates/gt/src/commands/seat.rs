//! gt seat

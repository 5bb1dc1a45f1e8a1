//! gt why

//! gt-store

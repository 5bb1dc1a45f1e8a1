//! gt-testkit

//! gt-daemon

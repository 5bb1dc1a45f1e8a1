//! gt down

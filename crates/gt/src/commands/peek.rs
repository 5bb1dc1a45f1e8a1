//! gt peek

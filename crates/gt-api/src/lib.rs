//! gt-api

//! Masks secrets.

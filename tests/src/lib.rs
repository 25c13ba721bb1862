//! End-to-end tests of the `tracer` binary.

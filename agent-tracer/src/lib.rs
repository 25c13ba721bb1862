//! Library of `tracer`.

#[cfg(feature = "capture")]
pub mod capture;
pub mod event;

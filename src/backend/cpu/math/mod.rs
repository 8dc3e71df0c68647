//! Real functions of one element, by precision.

pub mod double;
pub mod single;

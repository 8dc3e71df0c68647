//! Without CUDA there is nobody to race against.

use std::time::Duration;

use serde_json::Value;
use tilework::{Device, Float};

use crate::case::Case;
use crate::measure::Effort;
use crate::work::Inputs;

/// No rivals.
pub enum Rivals {}

impl Rivals {
    pub fn open(_: &Device) -> Option<Self> {
        None
    }

    pub fn without_cublas(_: &Device) -> Option<Self> {
        None
    }

    pub fn cublas(&self) -> String {
        match *self {}
    }

    pub fn race<T: Float>(&self, _: &Case, _: &[Inputs<T>], _: Duration, _: Effort) -> Value {
        match *self {}
    }
}

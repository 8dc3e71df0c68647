//! Printing, as ndarray prints: the same format options, large arrays shortened.

use std::fmt;

use super::Tensor;
use crate::dtype::Element;

impl<T: Element> fmt::Display for Tensor<T> {
    /// The elements as ndarray prints them; fetching them waits for the device.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to_ndarray() {
            Ok(array) => fmt::Display::fmt(&array, f),
            Err(error) => write!(f, "<{error}>"),
        }
    }
}

impl<T: Element> fmt::Debug for Tensor<T> {
    /// The elements as ndarray prints them, then dtype and device; fetching them waits for the device.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to_ndarray() {
            Ok(array) => fmt::Debug::fmt(&array, f)?,
            Err(error) => write!(f, "<{error}>, shape={:?}", self.shape())?,
        }
        write!(f, ", dtype={}, device={}", self.dtype(), self.device())
    }
}

//! The work of the five documents that this project grew from: their sizes and input formulas, word for word.
//!
//! Each module is one document. Their published figures are not repeated here: most were not measured, or timed other things
//! than they say (compilation, a dead loop, a clone). What is reproduced is the work. Optimizers and decompositions (RusTorch)
//! and gradients (Rune) come with the operations they need.

mod rune;
mod rustorch;
mod rusty;
mod tensorlogic;
mod trueno;

use super::case::{Case, Input, Work};
use tilework::DType;

pub fn cases() -> Vec<Case> {
    [rusty::cases(), rustorch::cases(), trueno::cases(), tensorlogic::cases(), rune::cases()].concat()
}

/// One case per shape.
fn each(group: &'static str, work: Work, dtype: DType, input: Input, shapes: &[&[usize]]) -> Vec<Case> {
    shapes.iter().map(|shape| Case { group, work, dtype, shape: shape.to_vec(), input }).collect()
}

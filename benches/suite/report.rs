//! Tables and plots of measurements.

use std::error::Error;
use std::path::Path;

/// Prints the measurements in `dir`, beside the peers'.
pub fn report(dir: &Path) -> Result<(), Box<dyn Error>> {
    Err(format!("no report of {} yet", dir.display()).into())
}

/// Writes BENCHMARKS.md.
pub fn document(results: &Path) -> Result<(), Box<dyn Error>> {
    Err(format!("no document of {} yet", results.display()).into())
}

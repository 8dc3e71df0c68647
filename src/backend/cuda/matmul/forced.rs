//! Which kernel is to compute whatever it can, for tests and sweeps: `TILEWORK_MATMUL=FAMILY/FORM`.
//!
//! | family | form | of |
//! |---|---|---|
//! | `wgmma`, `fp8`, `tf32`, `tf32_pass` | instance, rows x slices of a cluster and, if k may be split between clusters, in how many parts at most: `128x256/2x1`, `64x64_split/1x8x15` | products of 16 bits, of 8 bits, of f32 as TF32, and those whose factors a pass rounds |
//! | `simt`, `simt_ring`, `split` | tile: `64x128` | products of f32 |
//! | `dmma` | tile | products of f64 |
//!
//! Products that go to other kernels, of a few rows or of small matrices, still do.

use std::sync::OnceLock;

use super::choose::{Choice, Tile};
use super::wgmma_plan::INSTANCES;

/// Those whose forms are instances, and those whose forms are tiles.
const FAMILIES: [&[&str]; 2] = [&["wgmma", "fp8", "tf32", "tf32_pass"], &["simt", "simt_ring", "split", "dmma"]];

/// The form that was asked for, if it is of this family.
pub(super) fn form(family: &str) -> Option<&'static str> {
    static ASKED: OnceLock<Option<(String, String)>> = OnceLock::new();
    let asked = ASKED.get_or_init(|| {
        let asked = std::env::var("TILEWORK_MATMUL").ok()?;
        let known = asked.split_once('/').filter(|(family, form)| is_known(family, form));
        if known.is_none() {
            eprintln!("tilework: TILEWORK_MATMUL={asked} is no form of a kernel (src/backend/cuda/matmul/forced.rs) and changes nothing");
        }
        known.map(|(family, form)| (family.into(), form.into()))
    });
    asked.as_ref().filter(|(asked, _)| asked == family).map(|(_, form)| form.as_str())
}

/// Whether the family is one of those above, and has the instance or the tile at all.
fn is_known(family: &str, form: &str) -> bool {
    let [instances, tiles] = FAMILIES.map(|families| families.contains(&family));
    instances && INSTANCES.iter().any(|instance| form.split('/').next() == Some(instance.name))
        || tiles && Tile::ALL.iter().any(|tile| tile.name() == form)
}

/// Whether `choice` was asked for, or its family where that has made its plan already.
pub(super) fn is_asked(choice: Choice) -> bool {
    let (family, tile) = match choice {
        Choice::Simt(tile) => ("simt", tile),
        Choice::SimtRing { tile, .. } => ("simt_ring", tile),
        Choice::Split(tile) => ("split", tile),
        Choice::Dmma { tile, .. } => ("dmma", tile),
        Choice::Tf32(_) => return form("tf32").is_some(),
        Choice::Tf32Pass(_) => return form("tf32_pass").is_some(),
        _ => return false,
    };
    form(family).is_some_and(|form| form == tile.name())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_known_by_family_and_name() {
        for (family, form) in [("wgmma", "128x256/2x1"), ("tf32", "64x64_split/1x8x15"), ("dmma", "192x96")] {
            assert!(is_known(family, form), "{family}/{form}");
        }
        for (family, form) in
            [("wgmma", "128x257/2x1"), ("simt", "128x256/2x1"), ("simt", "96x96"), ("mma", "64x64"), ("", "")]
        {
            assert!(!is_known(family, form), "{family}/{form}");
        }
    }
}

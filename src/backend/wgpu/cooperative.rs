//! Matrix products of f16 on an adapter's matrix units: the part of the kernel that differs from `matmul`'s.

use super::matmul::{Variant, loads, word};
use super::shader;

const KERNEL: &str = include_str!("../../../wgsl-fallback/cooperative.wgsl");

/// Rows and columns of a workgroup's tile.
pub(super) const TILE: [u32; 2] = [128, 128];
/// Rows and columns of a subgroup's part of it.
const PART: [u32; 2] = [64, 64];
/// Steps of k in workgroup memory.
pub(super) const STEPS: u32 = 32;
/// Elements of a unit, the most that a load brings: operands have to lie in whole units.
pub(super) const UNIT: usize = 8;
/// Invocations in a subgroup of the adapters that this is for.
const SUBGROUP: u32 = 32;

/// The environment variable that asks for matrix units; wgpu calls the feature experimental.
const WANTED: &str = "TILEWORK_COOPERATIVE";

/// Whether matrix units are asked for and the adapter has what the kernel is written for: matrices of 16 x 16 x 16 in f16 with sums in
/// f32, and subgroups of 32.
pub(super) fn is_supported(adapter: &wgpu::Adapter) -> bool {
    let info = adapter.get_info();
    let features =
        wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX | wgpu::Features::SHADER_F16 | wgpu::Features::SUBGROUP;
    let of_16 = |p: &wgpu::CooperativeMatrixProperties| {
        (p.m_size, p.n_size, p.k_size) == (16, 16, 16)
            && p.ab_type == wgpu::CooperativeScalarType::F16
            && p.cr_type == wgpu::CooperativeScalarType::F32
    };
    std::env::var_os(WANTED).is_some()
        && adapter.features().contains(features)
        && (info.subgroup_min_size, info.subgroup_max_size) == (SUBGROUP, SUBGROUP)
        && adapter.limits().max_compute_workgroup_storage_size >= workgroup_memory()
        && adapter.cooperative_matrix_properties().iter().any(of_16)
}

/// Matrices of 16 x 16 in a subgroup's part.
const MATRICES: [u32; 2] = [PART[0] / 16, PART[1] / 16];

const fn subgroups() -> u32 {
    TILE[0] / PART[0] * (TILE[1] / PART[1])
}

/// Units that a tile takes, whose matrix is read along k or along its free axis.
const fn units(along_k: bool, free: u32) -> u32 {
    if along_k { free * (STEPS / 8 + 1) } else { STEPS * (free / 8 + 1) }
}

/// The most bytes that a kernel takes, whatever way its matrices are read.
const fn workgroup_memory() -> u32 {
    let mut bytes = subgroups() * 16 * 16 * 4;
    let mut i = 0;
    while i < 2 {
        let (along_k, along_free) = (units(true, TILE[i]), units(false, TILE[i]));
        bytes += 16 * if along_k > along_free { along_k } else { along_free };
        i += 1;
    }
    bytes
}

/// On an H200 the driver has the workgroups of a multiprocessor share 48 KiB. It takes two to hide each other's barriers and loads.
const _: () = assert!(workgroup_memory() <= 24 << 10);

fn part(section: &str, values: &[(&str, &str)]) -> String {
    shader::fill(shader::section(KERNEL, section), values)
}

pub(super) fn directives() -> &'static str {
    shader::section(KERNEL, "directives")
}

/// How the results and the operands of the epilogue are converted.
pub(super) fn codec() -> &'static str {
    shader::section(KERNEL, "codec")
}

/// The types and the tiles of `a` and `b`.
pub(super) fn tiles(variant: &Variant) -> String {
    let results = word(subgroups() * 16 * 16 / 4);
    let values = [("rows", word(TILE[0])), ("columns", word(TILE[1])), ("steps", word(STEPS)), ("results", results)];
    let mut wgsl = part("types", &values.each_ref().map(|(name, value)| (*name, value.as_str())));
    let outside = if variant.whole { "" } else { shader::section(KERNEL, "outside") };
    for (i, (n, side, frees)) in [("a", variant.a, "ROWS"), ("b", variant.b, "COLUMNS")].into_iter().enumerate() {
        let (binding, units) = ((i + 1).to_string(), word(units(side.along_k, TILE[i])));
        let values =
            [("n", n), ("binding", binding.as_str()), ("units", &units), ("frees", frees), ("outside", outside)];
        wgsl.push_str(&part("tile", &values));
        wgsl.push_str(&part(if side.along_k { "along k" } else { "along free" }, &values));
    }
    wgsl
}

/// The entry point, with a line for each matrix.
pub(super) fn main(variant: &Variant) -> String {
    let [down, across] = MATRICES;
    let invocations = subgroups() * SUBGROUP;
    let sums = |i: u32, j: u32| format!("c{i}_{j}");
    let [first, keep, next] = loads(part, TILE.map(|free| free * STEPS / UNIT as u32 / invocations), invocations);
    let [mut begin, mut multiply, mut stores] = [const { String::new() }; 3];
    for step in (0..STEPS).step_by(16) {
        let sides = [("a", variant.a, "Left", "part_row", down), ("b", variant.b, "Right", "part_column", across)];
        for (n, side, role, own, count) in sides {
            let section = if side.along_k { "load along k" } else { "load along free" };
            // `coopLoadT` reads row by row: `a` along k, `b` along n.
            let order = if side.along_k == (n == "a") { "T" } else { "" };
            for i in 0..count {
                let (m, at, step) = (format!("{n}{i}_{step}"), word(16 * i), word(step));
                let values = [
                    ("m", m.as_str()),
                    ("order", order),
                    ("role", role),
                    ("n", n),
                    ("part", own),
                    ("at", &at),
                    ("step", &step),
                ];
                multiply.push_str(&part(section, &values));
            }
        }
        for j in 0..across {
            for i in 0..down {
                let (c, a, b) = (sums(i, j), format!("a{i}_{step}"), format!("b{j}_{step}"));
                multiply.push_str(&part("multiply", &[("c", &c), ("a", &a), ("b", &b)]));
            }
        }
    }
    for i in 0..down {
        for j in 0..across {
            begin.push_str(&part("begin", &[("c", &sums(i, j))]));
            stores.push_str(&part("store", &[("c", &sums(i, j)), ("i", &word(i * across + j))]));
        }
    }
    let (workgroup, down, across) = (word(invocations), word(down), word(across));
    let values = [
        ("workgroup", workgroup.as_str()),
        ("down", &down),
        ("across", &across),
        ("begin", &begin),
        ("first", &first),
        ("keep", &keep),
        ("next", &next),
        ("multiply", &multiply),
        ("stores", &stores),
    ];
    part("main", &values)
}

use tilework_host_twins::twin_normal;

/// The definition: the Rust lines that the CPU backend runs.
#[path = "../../src/backend/normal.rs"]
#[allow(dead_code, reason = "the table is for the GPU backends")]
mod definition;

#[test]
fn the_device_function_gives_the_same_bits() {
    // The far tails whole, and a sweep through all words by a step coprime to 2^32.
    let sweep = (0..1u32 << 20).map(|i| i.wrapping_mul(0x9e37_79b9));
    for bits in (0..4096).chain(0x8000_0000..0x8000_1000).chain(0x7fff_f000..0x8000_0000).chain(sweep) {
        // SAFETY: a pure function of an integer.
        let twin = unsafe { twin_normal(bits) };
        assert_eq!(twin.to_bits(), definition::normal(bits).to_bits(), "word {bits:08x}");
    }
}

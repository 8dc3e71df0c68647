use tilework_host_twins::twin_philox4x32_10;

fn philox4x32_10(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    let mut out = [0; 4];
    // SAFETY: the pointers are to live arrays of the lengths that twins.h declares.
    unsafe { twin_philox4x32_10(counter.as_ptr(), key.as_ptr(), out.as_mut_ptr()) };
    out
}

/// The known answers that the authors publish with Random123 (kat_vectors, philox4x32 10).
#[test]
fn known_answers() {
    let ones = u32::MAX;
    let cases = [
        ([0; 4], [0; 2], [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]),
        ([ones; 4], [ones; 2], [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]),
        (
            [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
            [0xa409_3822, 0x299f_31d0],
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1],
        ),
    ];
    for (counter, key, expected) in cases {
        assert_eq!(philox4x32_10(counter, key), expected, "counter {counter:08x?}, key {key:08x?}");
    }
}

/// One bit more in the counter or in the key changes about half of the 128 bits that come out.
#[test]
fn every_input_bit_reaches_the_output() {
    let (counter, key) = ([1, 2, 3, 4], [5, 6]);
    let base = philox4x32_10(counter, key);
    for bit in 0..192 {
        let (mut counter, mut key) = (counter, key);
        match bit / 32 {
            word @ 0..4 => counter[word] ^= 1 << (bit % 32),
            word => key[word - 4] ^= 1 << (bit % 32),
        }
        let changed: u32 = philox4x32_10(counter, key).iter().zip(base).map(|(a, b)| (a ^ b).count_ones()).sum();
        assert!((32..=96).contains(&changed), "input bit {bit} changes {changed} of 128 bits");
    }
}

//! Generated from tests/host-twins/twins/twins.h by bindgen: TILEWORK_BLESS=1 cargo test --test abi.

unsafe extern "C" {
    #[doc = " philox.cpp"]
    pub fn twin_philox4x32_10(counter: *const u32, key: *const u32, out: *mut u32);
}
unsafe extern "C" {
    #[doc = " normal.cpp"]
    pub fn twin_normal(bits: u32) -> f32;
}
unsafe extern "C" {
    #[doc = " fastdiv.cpp"]
    pub fn twin_divide(n: u32, multiplier: u32, shift: u32) -> u32;
}
unsafe extern "C" {
    #[doc = " nest.cpp; `nest` is a TwNest"]
    pub fn twin_divide_wide(n: u64, multiplier: u64, shift: u32) -> u64;
}
unsafe extern "C" {
    pub fn twin_nest_offset(nest: *const ::core::ffi::c_void, n: u64) -> i64;
}
unsafe extern "C" {
    #[doc = " exponential.cpp"]
    pub fn twin_exp_difference(x: f32, max: f32) -> f32;
}
unsafe extern "C" {
    #[doc = " matmul.cpp"]
    pub fn twin_tile_at(index: u32, tiles_m: u32, tiles_n: u32, group: u32, tile: *mut u32);
}
unsafe extern "C" {
    #[doc = " Tiles along m and n, matrices in two batch axes, rows of a band, splits; the cluster's shape and a place in it; then m, n, outer,\n inner, tile, begin and end. Returns the number of items of the launch."]
    pub fn twin_wgmma_work(problem: *const u32, cluster: *const u32, index: u32, depth: u32, work: *mut u32) -> u32;
}
unsafe extern "C" {
    pub fn twin_wgmma_descriptor(address: u32, mn_major: bool, depth: u32) -> u64;
}
unsafe extern "C" {
    pub fn twin_wgmma_descriptor_step(mn_major: bool) -> u64;
}
unsafe extern "C" {
    pub fn twin_mma_chunk(mn_major: bool, l: u32, k: u32) -> u32;
}
unsafe extern "C" {
    #[doc = " split.cpp; schemes are 0 for f16, 1 for bf16, 2 for none"]
    pub fn twin_split_shift(scheme: i32, greatest: u32) -> i32;
}
unsafe extern "C" {
    pub fn twin_split_f16(x: f32, shift: i32, pieces: *mut u16);
}
unsafe extern "C" {
    pub fn twin_split_bf16(x: f32, shift: i32, pieces: *mut u16);
}
unsafe extern "C" {
    pub fn twin_unscaled(sum: f32, exponent: i32) -> f32;
}
unsafe extern "C" {
    #[doc = " For each factor: spread, far from the greatest (f16, bf16), special, shift."]
    pub fn twin_split_scheme(seen: *const u32) -> i32;
}
unsafe extern "C" {
    pub fn twin_split_chunk(row: u32, chunk: u32) -> u32;
}
unsafe extern "C" {
    pub fn twin_split_descriptor(address: u32) -> u64;
}
unsafe extern "C" {
    #[doc = " dtype.cpp"]
    pub fn twin_widen_f16(x: u16) -> f32;
}
unsafe extern "C" {
    pub fn twin_widen_bf16(x: u16) -> f32;
}
unsafe extern "C" {
    pub fn twin_narrow_f16(x: f32) -> u16;
}
unsafe extern "C" {
    pub fn twin_narrow_bf16(x: f32) -> u16;
}
unsafe extern "C" {
    #[doc = " cast.cpp"]
    pub fn twin_cast_f64_f16(x: f64) -> u16;
}
unsafe extern "C" {
    pub fn twin_cast_f64_bf16(x: f64) -> u16;
}
unsafe extern "C" {
    pub fn twin_cast_i64_f16(x: i64) -> u16;
}
unsafe extern "C" {
    pub fn twin_cast_i64_bf16(x: i64) -> u16;
}
unsafe extern "C" {
    pub fn twin_cast_f32_i32(x: f32) -> i32;
}
unsafe extern "C" {
    pub fn twin_cast_f32_i64(x: f32) -> i64;
}
unsafe extern "C" {
    pub fn twin_cast_f32_u8(x: f32) -> u8;
}
unsafe extern "C" {
    pub fn twin_cast_f32_u32(x: f32) -> u32;
}
unsafe extern "C" {
    pub fn twin_cast_f64_i32(x: f64) -> i32;
}
unsafe extern "C" {
    pub fn twin_cast_f64_i64(x: f64) -> i64;
}
unsafe extern "C" {
    #[doc = " fp8.cpp"]
    pub fn twin_widen_f8e4m3(x: u8) -> f32;
}
unsafe extern "C" {
    pub fn twin_widen_f8e5m2(x: u8) -> f32;
}
unsafe extern "C" {
    pub fn twin_narrow_f8e4m3(x: f32) -> u8;
}
unsafe extern "C" {
    pub fn twin_narrow_f8e5m2(x: f32) -> u8;
}
unsafe extern "C" {
    pub fn twin_cast_f64_f8e4m3(x: f64) -> u8;
}
unsafe extern "C" {
    pub fn twin_cast_i64_f8e5m2(x: i64) -> u8;
}
unsafe extern "C" {
    pub fn twin_cast_f8e5m2_i32(x: u8) -> i32;
}
unsafe extern "C" {
    pub fn twin_cast_f8e4m3_u8(x: u8) -> u8;
}
unsafe extern "C" {
    pub fn twin_cast_f8e4m3_b8(x: u8) -> bool;
}
unsafe extern "C" {
    #[doc = " scalar.cpp: the forms for 16-bit results, and integer arithmetic"]
    pub fn twin_sigmoid_narrow(x: f32) -> f32;
}
unsafe extern "C" {
    pub fn twin_silu(x: f32) -> f32;
}
unsafe extern "C" {
    pub fn twin_silu_narrow(x: f32) -> f32;
}
unsafe extern "C" {
    pub fn twin_gelu_narrow(x: f32) -> f32;
}
unsafe extern "C" {
    pub fn twin_gelu_tanh_narrow(x: f32) -> f32;
}
unsafe extern "C" {
    pub fn twin_div_i32(a: i32, b: i32) -> i32;
}
unsafe extern "C" {
    pub fn twin_rem_i32(a: i32, b: i32) -> i32;
}
unsafe extern "C" {
    pub fn twin_mul_i32(a: i32, b: i32) -> i32;
}
unsafe extern "C" {
    pub fn twin_abs_i32(x: i32) -> i32;
}

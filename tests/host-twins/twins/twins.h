// Device functions compiled for the host, as the tests call them. A new twin is a declaration here, its definition in a .cpp
// beside, and its sweep in tests/twins/; TILEWORK_BLESS=1 cargo test --test abi then writes ../src/lib.rs from this file.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// philox.cpp
void twin_philox4x32_10(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

// normal.cpp
float twin_normal(uint32_t bits);

// fastdiv.cpp
uint32_t twin_divide(uint32_t n, uint32_t multiplier, uint32_t shift);

// nest.cpp; `nest` is a TwNest
uint64_t twin_divide_wide(uint64_t n, uint64_t multiplier, uint32_t shift);
int64_t twin_nest_offset(const void* nest, uint64_t n);

// exponential.cpp
float twin_exp_difference(float x, float max);

// matmul.cpp
void twin_tile_at(uint32_t index, uint32_t tiles_m, uint32_t tiles_n, uint32_t group, uint32_t tile[3]);
// Tiles along m and n, matrices in two batch axes, rows of a band, splits; the cluster's shape and a place in it; then m, n, outer,
// inner, tile, begin and end. Returns the number of items of the launch.
uint32_t twin_wgmma_work(const uint32_t problem[6], const uint32_t cluster[4], uint32_t index, uint32_t depth, uint32_t work[7]);
uint64_t twin_wgmma_descriptor(uint32_t address, bool mn_major, uint32_t depth);
uint64_t twin_wgmma_descriptor_step(bool mn_major);
uint32_t twin_mma_chunk(bool mn_major, uint32_t l, uint32_t k);

// split.cpp; schemes are 0 for f16, 1 for bf16, 2 for none
int32_t twin_split_shift(int32_t scheme, uint32_t greatest);
void twin_split_f16(float x, int32_t shift, uint16_t pieces[2]);
void twin_split_bf16(float x, int32_t shift, uint16_t pieces[3]);
float twin_unscaled(float sum, int32_t exponent);
// For each factor: spread, far from the greatest (f16, bf16), special, shift.
int32_t twin_split_scheme(const uint32_t seen[10]);
uint32_t twin_split_chunk(uint32_t row, uint32_t chunk);
uint64_t twin_split_descriptor(uint32_t address);

// dtype.cpp
float twin_widen_f16(uint16_t x);
float twin_widen_bf16(uint16_t x);
uint16_t twin_narrow_f16(float x);
uint16_t twin_narrow_bf16(float x);

// cast.cpp
uint16_t twin_cast_f64_f16(double x);
uint16_t twin_cast_f64_bf16(double x);
uint16_t twin_cast_i64_f16(int64_t x);
uint16_t twin_cast_i64_bf16(int64_t x);
int32_t twin_cast_f32_i32(float x);
int64_t twin_cast_f32_i64(float x);
uint8_t twin_cast_f32_u8(float x);
uint32_t twin_cast_f32_u32(float x);
int32_t twin_cast_f64_i32(double x);
int64_t twin_cast_f64_i64(double x);

// fp8.cpp
float twin_widen_f8e4m3(uint8_t x);
float twin_widen_f8e5m2(uint8_t x);
uint8_t twin_narrow_f8e4m3(float x);
uint8_t twin_narrow_f8e5m2(float x);
uint8_t twin_cast_f64_f8e4m3(double x);
uint8_t twin_cast_i64_f8e5m2(int64_t x);
int32_t twin_cast_f8e5m2_i32(uint8_t x);
uint8_t twin_cast_f8e4m3_u8(uint8_t x);
bool twin_cast_f8e4m3_b8(uint8_t x);

// scalar.cpp: the forms for 16-bit results, and integer arithmetic
float twin_sigmoid_narrow(float x);
float twin_silu(float x);
float twin_silu_narrow(float x);
float twin_gelu_narrow(float x);
float twin_gelu_tanh_narrow(float x);
int32_t twin_div_i32(int32_t a, int32_t b);
int32_t twin_rem_i32(int32_t a, int32_t b);
int32_t twin_mul_i32(int32_t a, int32_t b);
int32_t twin_abs_i32(int32_t x);

#ifdef __cplusplus
}
#endif

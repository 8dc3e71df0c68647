#include "twins.h"

#include "tilework/cast.h"

uint16_t twin_cast_f64_f16(double x) { return tw::Cast<tw::f16, tw::f64>::apply(x).bits; }
uint16_t twin_cast_f64_bf16(double x) { return tw::Cast<tw::bf16, tw::f64>::apply(x).bits; }
uint16_t twin_cast_i64_f16(int64_t x) { return tw::Cast<tw::f16, tw::i64>::apply(x).bits; }
uint16_t twin_cast_i64_bf16(int64_t x) { return tw::Cast<tw::bf16, tw::i64>::apply(x).bits; }
int32_t twin_cast_f32_i32(float x) { return tw::Cast<tw::i32, tw::f32>::apply(x); }
int64_t twin_cast_f32_i64(float x) { return tw::Cast<tw::i64, tw::f32>::apply(x); }
uint8_t twin_cast_f32_u8(float x) { return tw::Cast<tw::u8, tw::f32>::apply(x); }
uint32_t twin_cast_f32_u32(float x) { return tw::Cast<tw::u32, tw::f32>::apply(x); }
int32_t twin_cast_f64_i32(double x) { return tw::Cast<tw::i32, tw::f64>::apply(x); }
int64_t twin_cast_f64_i64(double x) { return tw::Cast<tw::i64, tw::f64>::apply(x); }
